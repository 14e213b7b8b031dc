import { describe, expect, it } from '@jest/globals';
import {
  IsChoices,
  IsDurationText,
  IsHosts,
  IsLabels,
  IsList,
  IsPattern,
  IsText,
  IsTimestamp,
} from './fields.js';
import { truncatedNetwork } from '#libs/geography';
import { PageQuery } from './pages.js';
import { parseTimestamp } from './timestamps.js';
import { InputPipe } from './validation.js';

class Fields {
  @IsText({ max: 4, lines: true, optional: true }) lines?: string | null;
  @IsDurationText({ optional: true }) duration?: string | null;
  @IsTimestamp({ optional: true }) time?: string | null;
  @IsLabels({ optional: true }) labels?: Record<string, string> | null;
  @IsHosts({ optional: true }) hosts?: string[] | null;
  @IsList({ optional: true, max: 2 }) list?: unknown[] | null;
  @IsText({ optional: 'absent', max: 4 }) text?: string;
  @IsPattern({ optional: true, pattern: /^[a-z]+$/, max: 3, rule: 'be letters' }) letters?: string | null;
}

class Query extends PageQuery {
  @IsChoices(['red', 'blue'], { optional: true }) colour?: string[];
}

const pipe = new InputPipe();
const check = async (value: unknown) => pipe.transform(value, { type: 'body', metatype: Fields });
const ask = async (value: unknown) => pipe.transform(value, { type: 'query', metatype: Query });

describe('fields', () => {
  it.each([
    { lines: 'a\nb' },
    { lines: '🔑🔑🔑🔑' },
    { duration: 'P90D' },
    { time: '2030-01-31T12:00:00.123456789+05:30' },
    { labels: { team: 'edge', 'example.com/tier': '' } },
    { hosts: ['127.0.0.2', 'a.example'] },
    { letters: 'abc' },
    { list: [] },
    { list: ['a', 'a'] },
    { text: 'abcd' },
    { list: null },
    { lines: null, duration: null, time: null, labels: null, hosts: null },
  ])('what the rule allows passes unchanged: %j', async (body) => {
    expect(await check(body)).toMatchObject(body);
  });

  it.each([
    { lines: 'a\rb' },
    { lines: '🔑🔑🔑🔑🔑' },
    { lines: '' },
    { duration: 'P1Y' },
    { duration: 'PT0S' },
    { duration: 90 },
    { time: '2030-01-31' },
    { time: '2030-01-31T24:00:00Z' },
    { time: 1_900_000_000_000 },
    { labels: ['team'] },
    { labels: { '-team': 'edge' } },
    { labels: { team: 1 } },
    { labels: { team: 'a\nb' } },
    { labels: { team: 'a'.repeat(201) } },
    { labels: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`label${at}`, ''])) },
    { hosts: 'a.example' },
    { hosts: ['a', 'a'] },
    { hosts: [''] },
    { hosts: Array.from({ length: 17 }, (_, at) => `h${at}`) },
    { letters: 'abcd' },
    { list: 'a' },
    { list: { 0: 'a' } },
    { list: ['a', 'b', 'c'] },
    { text: null },
    { text: '' },
    { letters: 'a\n' },
  ])('what it does not allow is refused at its field: %j', async (body) => {
    const errors = [expect.objectContaining({ pointer: `/${Object.keys(body)[0]}`, code: 'invalid-value' })];
    await expect(check(body)).rejects.toMatchObject({ code: 'invalid-request', errors });
  });

  it('a query gets its default, and numbers and lists from text', async () => {
    expect(await ask({})).toMatchObject({ limit: 50 });
    expect(await ask({ limit: '200', colour: 'red,blue' })).toMatchObject({
      limit: 200,
      colour: ['red', 'blue'],
    });
    for (const colour of ['', 'red,', 'green', 'red, blue']) {
      await expect(ask({ colour })).rejects.toMatchObject({ errors: [{ parameter: 'colour' }] });
    }
  });
});

describe('times', () => {
  it('are exact to the millisecond; further digits are cut off', () => {
    expect(parseTimestamp('1970-01-01T00:00:01.0019Z')).toBe(1001);
    expect(parseTimestamp('1970-01-01T01:00:00+01:00')).toBe(0);
    expect(parseTimestamp('2028-02-29T00:00:00Z')).toBe(Date.UTC(2028, 1, 29));
  });

  it.each([
    '2030-02-29T00:00:00Z',
    '2030-04-31T00:00:00Z',
    '2030-01-01T00:00:60Z',
    '2030-01-01T00:00:00',
    '2030-01-01 00:00:00Z',
  ])('%s is none', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });
});

describe('networks', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:0a:1::1', '2001:db8:a::/48'],
    ['::1', '0:0:0::/48'],
    ['2001:db8::', '2001:db8:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['', undefined],
  ])('of %s only %s is kept', (address, network) => {
    expect(truncatedNetwork(address)).toBe(network);
  });
});
