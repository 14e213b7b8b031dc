import { expect } from '@jest/globals';
import { bodyOf, type Api, type GeneratedKey } from './api.js';
import type { Answer } from './http-exchange.js';
import type { Installation, ServerProcess } from './server-process.js';

const CREATIONS = 50;
/** Creations under way at once. */
const CALLERS = 8;

/**
 * Creates 50 keys, kills the server with -9 after `killAfter` answers, starts it again and expects: every key whose creation
 * was answered works, every creation that was not answered can be repeated with its Idempotency-Key, and each key is there
 * once. Returns the new server and the figures.
 */
export async function crashRound(
  installation: Installation,
  server: ServerProcess,
  round: number,
  killAfter: number,
): Promise<{ server: ServerProcess; answered: number; storedUnanswered: number }> {
  const names = Array.from({ length: CREATIONS }, (_, index) => `round ${round} key ${index}`);
  const answered = await createUntilKilled(server, names, killAfter);
  const restarted = await installation.start();
  await expectAccepted(restarted.api, [...answered.values()]);

  const unanswered = names.filter((name) => !answered.has(name));
  let storedUnanswered = 0;
  for (const name of unanswered) {
    const repeated = await create(restarted.api, name);
    expect([200, 201]).toContain(repeated.status);
    if (repeated.status === 200) storedUnanswered++;
    else await expectAccepted(restarted.api, [bodyOf<GeneratedKey>(repeated, 201)]);
  }
  const listed = (await restarted.api.list()).map(({ name }) => name);
  expect(listed.filter((name) => name.startsWith(`round ${round} `)).sort()).toEqual(names.sort());
  return { server: restarted, answered: answered.size, storedUnanswered };
}

function create(api: Api, name: string): Promise<Answer> {
  const headers = { 'idempotency-key': name.replaceAll(' ', '-') };
  return api.call('/v1/registries/myapp/keys', { body: { name, permission: 'read' }, headers });
}

/** The keys whose creation was answered, by name. */
async function createUntilKilled(
  server: ServerProcess,
  names: readonly string[],
  killAfter: number,
): Promise<Map<string, GeneratedKey>> {
  const answered = new Map<string, GeneratedKey>();
  const waiting = [...names];
  let killed: Promise<unknown> | undefined;
  const caller = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      // Nobody answers once the server is dead: that creation counts as not answered.
      const answer = await create(server.api, name).catch(() => undefined);
      if (answer) answered.set(name, bodyOf<GeneratedKey>(answer, 201));
      if (answered.size >= killAfter) killed ??= server.stop('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  expect(killed).toBeDefined();
  await killed;
  return answered;
}

async function expectAccepted(api: Api, keys: readonly GeneratedKey[]): Promise<void> {
  for (const { id, key } of keys) {
    expect({ id, status: (await api.v2(key)).status }).toEqual({ id, status: 200 });
  }
}
