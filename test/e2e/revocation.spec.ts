import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatKey } from '#libs/kernel';
import type { Answer } from './http-exchange.js';
import { KeyCallers } from './key-callers.js';
import { Installation, randomSecret, type ServerProcess } from './server-process.js';

const REVOCATIONS = 200;
const CALLERS = 16;
/** Requests of the callers that must have been seen after each revocation: without them the test would prove nothing. */
const LATER_REQUESTS_MIN = 4;

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

describe('revocation', () => {
  it('is immediate: of 200 keys under 16 callers none is accepted by a request that starts after the answer', async () => {
    const agent = new Agent({ keepAlive: true });
    const keys = [];
    for (let index = 0; index < REVOCATIONS; index++) keys.push(await server.api.generateKey());
    const callers = new KeyCallers(server.api, keys, CALLERS);
    callers.start();
    const durations: number[] = [];
    for (const [index, { id }] of keys.entries()) {
      callers.target = index;
      await callers.accepted(index);
      const sentAt = performance.now();
      await server.api.revoke(id, 'myapp', agent);
      callers.revokedAt[index] = performance.now();
      durations.push(callers.revokedAt[index] - sentAt);
      await callers.laterRequests(index, LATER_REQUESTS_MIN);
    }
    const { started, acceptedBefore, refusedLater, acceptedLater, connections } = await callers.stop();
    agent.destroy();
    durations.sort((a, b) => a - b);
    process.stdout.write(
      `revocation: ${REVOCATIONS} revoked, ${CALLERS} callers on ${connections} connections, ${started} requests, ` +
        `${acceptedBefore} accepted before, ${refusedLater} refused and ${acceptedLater} accepted after the answer; ` +
        `median ${durations[REVOCATIONS / 2]!.toFixed(1)} ms, max ${durations.at(-1)!.toFixed(1)} ms\n`,
    );
    expect(acceptedLater).toBe(0);
    expect(refusedLater).toBeGreaterThanOrEqual(REVOCATIONS * LATER_REQUESTS_MIN);
    expect(connections).toBe(CALLERS);
  }, 60_000);

  it('answers the second time with the first receipt, and adds nothing', async () => {
    const { id } = await server.api.generateKey();
    const first = await server.api.revoke(id);
    expect(await server.api.revoke(id)).toEqual(first);
    const removed = await server.api.call(`/v1/registries/myapp/keys/${id}`, { method: 'DELETE' });
    expect(JSON.parse(removed.text)).toEqual(first);
    const types = await server.api.typesOf(id);
    expect(types).toEqual(['KeyGenerated', 'KeyRevoked', 'KeyRevocationProven']);
  });

  it('of a key of another registry looks like the revocation of no key', async () => {
    await server.api.createRegistry('second');
    const { id, key } = await server.api.generateKey({}, 'second');
    const missing = formatKey(`drk_${randomSecret().slice(0, 16)}`, randomSecret()).slice(0, 20);
    const answers = [];
    for (const each of [id, missing]) {
      answers.push(await server.api.call(`/v1/registries/myapp/keys/${each}/revoke`, { method: 'POST' }));
    }
    const [foreign, none] = answers.map(withoutRequestId);
    expect(foreign).toEqual(none);
    expect(foreign).toMatchObject({ status: 404 });
    const second = await server.api.v2(key, { host: 'second.registry.localhost' });
    expect(second.status).toBe(200);
  });

  it('by several callers at once is one revocation', async () => {
    const { id } = await server.api.generateKey();
    const answers = await Promise.all(Array.from({ length: 8 }, () => server.api.revoke(id)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await server.api.events(id)).filter(({ type }) => type === 'KeyRevoked')).toHaveLength(1);
  });
});

function withoutRequestId({ status, text, headers }: Answer) {
  const { requestId, ...body } = JSON.parse(text) as Record<string, unknown>;
  expect(requestId).toMatch(/^req_/);
  const { 'dockreg-request-id': _id, date: _date, ...rest } = headers;
  return { status, body, headers: rest };
}
