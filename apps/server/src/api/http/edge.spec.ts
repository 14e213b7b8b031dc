import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiProperty, type OpenAPIObject } from '@nestjs/swagger';
import { formatKey, Refusal } from '#libs/kernel';
import { MasterKeyMissing } from '#libs/personal-data';
import { EdgeApp, faultsOf, type Answer } from './edge-app.js';
import { IsText, IsTimestamp, NotSupportedYet, NotTogetherWith } from './fields.js';
import { Operation } from './openapi.js';
import { PageQuery } from './pages.js';
import { ProblemPages } from './problem-pages.js';

const KEY = formatKey('drk_AAAAAAAAAAAAAAAA', 'c'.repeat(43));
const SECRET = 'correct horse battery';
const DAY = '2030-01-01T00:00:00Z';
const JSON_TYPE = 'application/json';

class ThingBody {
  @IsText({ max: 5 }) name: string;
  @IsTimestamp({ optional: true }) @NotTogetherWith('note') expiresAt?: string | null;
  @IsText({ max: 10, optional: true }) note?: string | null;
  @NotSupportedYet() networks?: unknown;
}

class Thing {
  @ApiProperty() name: string;
}

const written: string[] = [];

@Controller('v1/things')
class Things {
  @Post()
  @Operation({ summary: 'Make a thing.', answer: Thing, status: 201 })
  post(@Body() { name }: ThingBody): Thing {
    written.push(name);
    return { name };
  }

  @Get()
  list(@Query() { limit }: PageQuery) {
    return { limit };
  }

  @Get(':id')
  show(@Param('id') id: string) {
    if (id === 'sealed') throw new MasterKeyMissing('0a1b');
    if (id === 'taken') throw new Refusal('slug-taken', 'somebody has it', { field: '/slug' });
    throw new Error(`the cause names ${KEY}`, {
      cause: Object.assign(new Error('deep'), { args: [SECRET] }),
    });
  }

  @Delete(':id')
  delete() {
    written.push('deleted');
  }
}

let app: EdgeApp;

function post(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return app.call('POST', '/v1/things', headers, body);
}

beforeAll(async () => {
  app = await EdgeApp.start({ controllers: [Things, ProblemPages] });
});
beforeEach(() => void written.splice(0));
afterAll(() => app?.close());

describe('the edge', () => {
  const nested = '['.repeat(20_000) + ']'.repeat(20_000);
  it.each([
    ['no body', '', 'invalid-request', '/name', 'required'],
    ['a missing field', '{}', 'invalid-request', '/name', 'required'],
    ['a wrong type', '{"name":1}', 'invalid-request', '/name', 'invalid-value'],
    ['null where it is not allowed', '{"name":null}', 'invalid-request', '/name', 'invalid-value'],
    ['blanks only', '{"name":" "}', 'invalid-request', '/name', 'invalid-value'],
    ['too long', '{"name":"abcdef"}', 'invalid-request', '/name', 'invalid-value'],
    ['a line break', '{"name":"a\\nb"}', 'invalid-request', '/name', 'invalid-value'],
    [
      'no such day',
      '{"name":"a","expiresAt":"2030-02-30T00:00:00Z"}',
      'invalid-request',
      '/expiresAt',
      'invalid-value',
    ],
    [
      'two that exclude each other',
      `{"name":"a","expiresAt":"${DAY}","note":"b"}`,
      'invalid-request',
      '/expiresAt',
      'invalid-value',
    ],
    ['an unknown field', '{"name":"a","a/b~c":1}', 'unknown-field', '/a~1b~0c', 'unknown-field'],
    ['an inherited name', '{"name":"a","toString":1}', 'unknown-field', '/toString', 'unknown-field'],
    ['null', 'null', 'invalid-request', '', 'invalid-value'],
    ['a list', '[{"name":"a"}]', 'invalid-request', '', 'invalid-value'],
    ['a text', '"name"', 'invalid-request', '', 'invalid-value'],
    ['a constructor', '{"name":"a","constructor":{}}', 'invalid-request', '', 'invalid-value'],
    ['NUL', '{"name":"a\\u0000"}', 'invalid-request', '', 'invalid-value'],
    ['half a surrogate pair', '{"name":"\\ud800"}', 'invalid-request', '', 'invalid-value'],
    ['20,000 levels', `{"name":${nested}}`, 'invalid-request', '', 'invalid-value'],
  ])(
    'a body with %s is a 400 that points at it, and nothing is written',
    async (_, text, code, pointer, fault) => {
      expect(faultsOf(await post(text), 400, code)).toEqual([
        expect.objectContaining({ pointer, code: fault }),
      ]);
      expect(written).toEqual([]);
    },
  );

  it.each([
    ['cut off', '{"name":', JSON_TYPE, 400, 'malformed-json'],
    ['with a prototype', '{"__proto__":{"administrator":true},"name":"a"}', JSON_TYPE, 400, 'malformed-json'],
    ['not in UTF-8', Buffer.from('{"name":"\xff"}', 'latin1'), JSON_TYPE, 400, 'malformed-json'],
    ['of 66 kB', `{"name":"${'a'.repeat(66_000)}"}`, JSON_TYPE, 413, 'payload-too-large'],
    ['of a form', 'name=a', 'application/x-www-form-urlencoded', 415, 'unsupported-media-type'],
    ['of plain text', '{"name":"a"}', 'text/plain', 415, 'unsupported-media-type'],
  ])('a body %s is refused, and nothing is written', async (_, body, type, status, code) => {
    faultsOf(await post(body, { 'content-type': type }), status, code);
    expect(written).toEqual([]);
  });

  it('a field that is not enforced yet is a 422, and one that restricts nothing passes', async () => {
    const [fault] = faultsOf(await post({ name: 'a', networks: ['10.0.0.0/8'] }), 422, 'not-supported');
    expect(fault).toMatchObject({ pointer: '/networks', code: 'not-supported' });
    expect(written).toEqual([]);
    expect(await post({ name: '🔑🔑🔑🔑🔑', networks: [], note: null })).toMatchObject({ status: 201 });
    expect(written).toEqual(['🔑🔑🔑🔑🔑']);
  });

  it('all faults are told at once, a thousand unknown fields in few words', async () => {
    expect(faultsOf(await post({ x: 1, networks: [1] }), 400, 'invalid-request')).toHaveLength(3);
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`f${at}`, 1]));
    const answer = await post({ ...many, [KEY]: 1 });
    expect(faultsOf(answer, 400, 'invalid-request')).toHaveLength(20);
    expect(answer.text).not.toContain(KEY);
  });

  it.each([
    ['?limit=0', 'invalid-parameter', 'limit'],
    ['?limit=201', 'invalid-parameter', 'limit'],
    ['?limit=1e2', 'invalid-parameter', 'limit'],
    ['?limit=1&limit=2', 'invalid-parameter', 'limit'],
    ['?offset=1', 'unknown-parameter', 'offset'],
    ['?__proto__=1', 'unknown-parameter', '__proto__'],
    ['/taken?x=1', 'unknown-parameter', 'x'],
  ])('a wrong or unknown query parameter is a 400: %s', async (query, code, parameter) => {
    const answer = await app.call('GET', `/v1/things${query}`);
    expect(faultsOf(answer, 400, code)).toEqual([expect.objectContaining({ parameter })]);
  });

  it('a body where none is taken is a 400', async () => {
    const [fault] = faultsOf(
      await app.call('DELETE', '/v1/things/1', {}, { all: true }),
      400,
      'unknown-field',
    );
    expect(fault!.pointer).toBe('/all');
  });

  it('a wrong path is a 404, a wrong method a 405 that names the right ones', async () => {
    faultsOf(await app.call('GET', '/v1/nothing'), 404, 'not-found');
    faultsOf(await app.call('GET', '/v1/things/'), 404, 'not-found');
    faultsOf(await app.call('GET', `/v1/things/${'a'.repeat(300)}`), 404, 'not-found');
    faultsOf(await app.call('GET', '/v1/%zz'), 400, 'malformed-request');
    const answer = await app.call('DELETE', '/v1/things?x=1');
    faultsOf(answer, 405, 'method-not-allowed');
    expect(answer.headers.allow).toBe('GET, HEAD, POST');
  });

  it('bytes that are not HTTP are answered with a problem as well', async () => {
    const socket = connect(app.port, '127.0.0.1', () => socket.write('no http\r\n\r\n'));
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 400 .*"code":"malformed-request"/s);
  });

  it('a refusal of the domain keeps its code, text and field', async () => {
    const answer = await app.call('GET', '/v1/things/taken');
    expect(faultsOf(answer, 409, 'slug-taken')).toEqual([
      { pointer: '/slug', code: 'slug-taken', detail: 'somebody has it' },
    ]);
    expect(answer.body.detail).toBe('somebody has it');
  });

  it('a node without the master key says that another one may answer', async () => {
    const answer = await app.call('GET', '/v1/things/sealed');
    faultsOf(answer, 503, 'unavailable');
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.text).not.toContain('0a1b');
  });

  it('an unforeseen error says nothing but its request id; the log has the cause without secrets', async () => {
    const answer = await app.call('GET', '/v1/things/1');
    faultsOf(answer, 500, 'internal');
    expect(answer.text).not.toMatch(/cause names|deep/);
    const entry = app.logged.find((line) => line.includes(answer.body.requestId!));
    expect(entry).toMatch(/the cause names \[key\].*deep/s);
    expect(app.logged.join()).not.toMatch(new RegExp(`${KEY}|${SECRET}`));
  });

  it('every kind of problem has a page', async () => {
    expect(await app.call('GET', '/problems')).toMatchObject({
      status: 200,
      text: expect.stringContaining('slug-taken'),
    });
    expect(await app.call('GET', '/problems/slug-taken')).toMatchObject({ status: 200 });
    faultsOf(await app.call('GET', '/problems/toString'), 404, 'not-found');
  });

  it('a stranger cannot choose the request id', async () => {
    const { headers } = await app.call('GET', '/v1/things', {
      'dockreg-request-id': 'req_mine',
      'request-id': 'mine',
    });
    expect(headers['dockreg-request-id']).toMatch(/^req_[0-9A-Za-z]{16}$/);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });

  it('the OpenAPI 3.1 document follows the rules, and the docs need no other site', async () => {
    const { text } = await app.call('GET', '/openapi.json');
    const { openapi, components } = JSON.parse(text) as OpenAPIObject;
    expect(openapi).toBe('3.1.0');
    expect(Object.keys(components!.schemas!)).toEqual(
      expect.arrayContaining(['Problem', 'ThingBody', 'Thing']),
    );
    expect(components!.schemas!['ThingBody']).toMatchObject({
      required: ['name'],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 5 },
        expiresAt: { type: ['string', 'null'], format: 'date-time' },
      },
    });
    expect(text).not.toContain('"nullable"');
    const docs = await app.call('GET', '/docs');
    const own = [...docs.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, path]) => new URL(path!, 'http://own/docs'),
    );
    expect(own.length).toBeGreaterThan(2);
    for (const { host, pathname } of own) {
      expect(host).toBe('own');
      expect(await app.call('GET', pathname)).toMatchObject({ status: 200 });
    }
  });

  it('the docs run under a policy that lets in no script but those of this server', async () => {
    const { headers, text } = await app.call('GET', '/docs');
    const policy = String(headers['content-security-policy']);
    expect(policy.split(';')).toEqual(
      expect.arrayContaining(["default-src 'self'", "script-src 'self'", "script-src-attr 'none'"]),
    );
    expect(policy).not.toMatch(/unsafe-eval|https?:|\*/);
    const scripts = [...text.matchAll(/<script\b([^>]*)>([^]*?)<\/script>/g)];
    expect(scripts.length).toBeGreaterThan(2);
    for (const [, attributes, code] of scripts) {
      expect({ attributes, code: code!.trim() }).toEqual({
        attributes: expect.stringMatching(/src="\.\/docs/),
        code: '',
      });
    }
    expect(text).not.toMatch(/<[^>]* on[a-z]+=/);
    expect((await app.call('GET', '/docs/swagger-ui-init.js')).text).toContain('"validatorUrl": null');
  });

  it('an expectation that nobody knows is ignored, and bytes that are no request are a problem that nobody keeps', async () => {
    expect(await app.call('GET', '/v1/things', { expect: 'x' })).toMatchObject({ status: 200 });
    faultsOf(
      await app.call('PURGE', '/v1/things', { 'x-a': 'a', 'content-length': 'x' }),
      400,
      'malformed-request',
    );
  });
});
