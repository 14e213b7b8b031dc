import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { documentOfRoutes } from './openapi-document.js';
import { promisesOf } from './openapi-promises.js';

const committed = readFileSync('docs/openapi.json', 'utf8');
const landed = readFileSync('docs/openapi.promises.txt', 'utf8').trimEnd().split('\n');

let document: OpenAPIObject;
beforeAll(async () => void (document = await documentOfRoutes()));

async function faultsOf(source: string): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const faults = await lintFromString({ source, absoluteRef: 'docs/openapi.json', config });
  return faults
    .map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer ?? ''})`)
    .filter((fault) => !REDIRECTS.test(fault));
}

/** Sign-in at an issuer leads a browser on: a redirect is all that succeeds there. */
const REDIRECTS =
  /^operation-2xx-response: .*\(#\/paths\/~1v1~1session~1oidc(?:~1callback)?\/get\/responses\)$/;

describe('the OpenAPI document', () => {
  it('that is committed is the one of the routes: else run npm run docs:openapi', () => {
    expect(JSON.parse(committed)).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it('passes every recommended rule of Redocly', async () => {
    expect(await faultsOf(committed)).toEqual([]);
    const twice = committed.replace('"operationId": "signOut"', '"operationId": "signIn"');
    expect(await faultsOf(twice)).toEqual([expect.stringContaining('operation-operationId-unique')]);
  });

  it('gives every operation a name in camel case and a tag that is described', () => {
    const described = document.tags!.map(({ name }) => name);
    for (const item of Object.values(document.paths)) {
      for (const operation of Object.values(item) as { operationId: string; tags?: string[] }[]) {
        expect(operation).toMatchObject({ operationId: expect.stringMatching(/^[a-z]+[A-Za-z]*$/) });
        expect(described).toEqual(expect.arrayContaining(operation.tags ?? ['no tag']));
      }
    }
  });

  it('takes no field of a body that it does not name', () => {
    const bodies = Object.entries(document.components!.schemas!).filter(([name]) => name.endsWith('Body'));
    expect(bodies.length).toBeGreaterThan(10);
    for (const [name, schema] of bodies)
      expect({ name, schema }).toMatchObject({ schema: { additionalProperties: false } });
  });
});

describe('what has landed', () => {
  it('is kept: no operation, parameter, field, word or problem went away', () => {
    const now = new Set(promisesOf(document));
    expect(landed.filter((promise) => !now.has(promise))).toEqual([]);
  });

  it('needs no more than it did: nothing new must be sent', () => {
    const before = new Set(landed);
    const operations = new Set(landed.map((promise) => promise.split(' ', 1)[0]));
    const demands = promisesOf(document).filter((promise) => promise.endsWith(' must be sent'));
    const added = demands.filter((demand) => !before.has(demand));
    expect(added.filter((demand) => operations.has(demand.split(' ', 1)[0]))).toEqual([]);
  });

  it('is written down whole: else run npm run docs:openapi, which only adds', () => {
    const before = new Set(landed);
    expect(promisesOf(document).filter((promise) => !before.has(promise))).toEqual([]);
  });
});
