import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GateFixture, OTHER_HOST, OTHER_REGISTRY, REGISTRY, type TestKey } from './testing/gate-fixture.js';

const MINUTE_MS = 60_000;
let gate: GateFixture;
let lostForMs: number;
let key: TestKey;

beforeEach(async () => {
  lostForMs = 0;
  gate = await GateFixture.start({ servesReads: (withinMs) => lostForMs < withinMs });
  gate.happens('RegistryPolicyChanged', REGISTRY, { policy: { serveReadsFor: 'PT5M', allowedNetworks: [] } });
  key = gate.generateKey('read-write');
  gate.ready = 'no lease';
});
afterEach(() => gate.gate.close());

const ask = (path: string, method = 'GET', headers: object = {}) =>
  gate.ask(path, { method, headers: { authorization: key.authorization, ...headers } });

describe('a gate that has lost its lease', () => {
  it('goes on with reads for as long as the registry wants, and no longer', async () => {
    expect((await ask('/v2/')).status).toBe(200);
    lostForMs = 5 * MINUTE_MS - 1;
    expect((await ask('/v2/')).status).toBe(200);
    expect((await ask('/v2/team/app/manifests/1')).status).not.toBe(503);
    lostForMs = 5 * MINUTE_MS;
    expect((await ask('/v2/')).status).toBe(503);
  });

  it('passes nothing on that writes', async () => {
    for (const [method, path] of [
      ['POST', '/v2/team/app/blobs/uploads/'],
      ['PUT', '/v2/team/app/manifests/1'],
      ['DELETE', `/v2/team/app/manifests/sha256:${'a'.repeat(64)}`],
      ['GET', '/v2/team/app/blobs/uploads/4f0b'],
    ]) {
      expect({ method, status: (await ask(path!, method)).status }).toEqual({ method, status: 503 });
    }
  });

  it('still decides by what it knows: a revoked key is refused', async () => {
    gate.revoke(key);
    expect((await ask('/v2/')).status).toBe(401);
  });

  it('serves no other registry, and none once that one has changed its mind', async () => {
    const theirs = gate.generateKey('read', { registry: OTHER_REGISTRY });
    const headers = { host: OTHER_HOST, authorization: theirs.authorization };
    expect((await gate.ask('/v2/', { headers })).status).toBe(503);
    gate.happens('RegistryPolicyChanged', REGISTRY, { policy: { serveReadsFor: null, allowedNetworks: [] } });
    expect((await ask('/v2/')).status).toBe(503);
  });
});
