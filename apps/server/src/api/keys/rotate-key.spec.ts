import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable, type EventLog } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { keys, revokeKey, rotateKey } from '#libs/keys';
import type { RegistryRow } from '#libs/read-models';
import { DEFAULT_POLICY } from '#libs/registries';
import { Installation } from '../../installation.js';
import type { ProveRevocation } from '../../membership/prove-revocation.js';
import { REGISTRY, WorkerFixture } from '../../../../../test/support/worker-fixture.js';
import type { Narrowed } from '../http/narrowed.js';
import { FirstAnswer } from '../http/first-answer.js';
import { RotateKey, RotateKeyHandler } from './rotate-key.js';

const DAY_MS = 86_400_000;
const registry = { id: REGISTRY, revision: 0n, policy: DEFAULT_POLICY, serveReadsFor: null } as RegistryRow;
const known = { apply: () => Promise.resolve() } as unknown as Narrowed;
const away = {
  apply: () => Promise.reject(new Refusal('unavailable', 'no gate has confirmed it')),
} as unknown as Narrowed;
const unused = {} as ProveRevocation;

let fixture: WorkerFixture;
beforeAll(async () => {
  fixture = await WorkerFixture.start();
}, 30_000);
afterAll(() => fixture.close());

function handler(log: EventLog = fixture.log, narrowed: Narrowed = known): RotateKeyHandler {
  return new RotateKeyHandler(log, narrowed, unused, new FirstAnswer(fixture.log, new Installation('log')));
}
function command(id: string, idempotencyKey?: string, graceMs = DAY_MS): RotateKey {
  const wanted = { at: new Date().toISOString(), graceMs, expiresInMs: undefined };
  const repeatable =
    idempotencyKey === undefined ? undefined : { identity: idempotencyKey, bodyHash: 'ab'.repeat(32) };
  return new RotateKey(registry, id, wanted, fixture.context(), repeatable);
}
/** A log of which a part is otherwise. */
function logThat(parts: Partial<Record<'transact', unknown>>): EventLog {
  return Object.assign(Object.create(fixture.log) as EventLog, parts);
}
/** Successors of a key, whatever became of them. */
const successorsOf = async (id: string): Promise<string[]> => {
  const rows = fixture.readModels.database.all('SELECT id FROM keys WHERE rotates = ? ORDER BY born', [id]);
  return rows.map((row) => row['id'] as string);
};
const caughtUp = async (id: string): Promise<void> => {
  await fixture.readModels.waitFor((await fixture.log.read(keys, id)).position, 5_000);
};

describe('a rotation', () => {
  it('is not answered with success while a gate has not confirmed it', async () => {
    const id = await fixture.key();
    await expect(handler(fixture.log, away).execute(command(id))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(await fixture.typesOf(id)).toEqual(['KeyGenerated', 'KeyRotated']);
  });

  it('that is repeated waits for the gates as well: the first call may not have lived to', async () => {
    const id = await fixture.key();
    await handler().execute(command(id, 'twice'));
    await expect(handler(fixture.log, away).execute(command(id, 'twice'))).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  it('without a grace keeps the secret when the store is away after the gates know of it', async () => {
    const id = await fixture.key();
    const transact: EventLog['transact'] = (kind, stream, decision, context, require) =>
      fixture.log.transact(kind, stream, decision, context, require);
    let calls = 0;
    const failing = logThat({
      transact: (...call: Parameters<EventLog['transact']>) =>
        ++calls === 1 ? transact(...call) : Promise.reject(new EventStoreUnavailable('append', undefined)),
    });
    const answer = await handler(failing).execute(command(id, undefined, 0));
    expect(answer.secret).toHaveLength(43);
    expect(Date.parse(answer.graceEndsAt)).toBeLessThanOrEqual(Date.now());
  });

  it('that loses against another discards its successor', async () => {
    const id = await fixture.key();
    const transact: EventLog['transact'] = async (kind, stream, decision, context) => {
      if (stream !== id) return fixture.log.transact(kind, stream, decision, context);
      const at = new Date().toISOString();
      const other = { successor: 'drk_other', graceEndsAt: fixture.ago(-DAY_MS), bornAt: at };
      await fixture.decide(id, rotateKey({ registry: REGISTRY, at, ...other }));
      return fixture.log.transact(kind, stream, decision, context);
    };
    await expect(handler(logThat({ transact })).execute(command(id))).rejects.toMatchObject({
      code: 'key-rotating',
    });
    await caughtUp(id);
    const [successor] = await successorsOf(id);
    const { state } = await fixture.log.read(keys, successor!);
    expect(state).toMatchObject({ status: 'revoked', revocation: { cause: 'discarded' } });
  });

  it('that died on the way answers its repetition only once it is undone, and then as if it had never been', async () => {
    const id = await fixture.key();
    const dies = logThat({ transact: () => Promise.reject(new Error('killed')) });
    await expect(handler(dies).execute(command(id, 'once'))).rejects.toThrow('killed');
    await expect(handler().execute(command(id, 'once'))).rejects.toMatchObject({
      code: 'idempotency-in-progress',
    });
    const [lost] = await successorsOf(id);
    const discard = revokeKey({ registry: REGISTRY, at: fixture.ago(0), cause: 'discarded' });
    await fixture.decide(lost!, discard);
    const answer = await handler().execute(command(id, 'once'));
    expect(answer.id).not.toBe(lost);
    expect(answer.secret).toHaveLength(43);
    expect(await handler().execute(command(id, 'once'))).toMatchObject({ id: answer.id, secret: null });
    expect(await fixture.typesOf(id)).toEqual(['KeyGenerated', 'KeyRotated']);
  });
});
