import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  keys,
  resumeKey,
  revokeKey,
  scheduleRotation,
  suspendKey,
  unscheduleRotation,
  type ExistingKey,
  type KeyRotationScheduled,
} from '#libs/keys';
import { parseMasterKey, SubjectKeys } from '#libs/personal-data';
import { createLog, now, randomBase62 } from '#libs/platform';
import { dueRotations } from '#libs/read-models';
import { changePlan, createRegistry, registries, type Plan } from '#libs/registries';
import type { RotationTarget } from '../rotation-target.js';
import { AutomaticRotation, type RotationParts } from './automatic-rotation.js';
import { RotateKeys } from './rotate-keys.js';
import { DeliveryFailed, type NewSecret } from './targets/delivery.js';
import { REGISTRY, WorkerFixture } from '../../../../test/support/worker-fixture.js';

const TARGET: RotationTarget = {
  kind: 'webhook',
  url: 'https://hooks.example.com/',
  signingSecret: 'whsec_x',
};

let fixture: WorkerFixture;
let subjectKeys: SubjectKeys;
const workers: RotateKeys[] = [];
/** What the target has, the oldest first. */
const delivered: NewSecret[] = [];
/** How the next deliveries go, instead of well. */
let deliveries: ((secret: NewSecret) => Promise<void>)[] = [];
const deliver = {
  to: async (_: RotationTarget, secret: NewSecret) => {
    await deliveries.shift()?.(secret);
    delivered.push(secret);
    return '1';
  },
};

beforeAll(async () => {
  fixture = await WorkerFixture.start();
  subjectKeys = new SubjectKeys(fixture.log, parseMasterKey(Buffer.alloc(32, 7).toString('base64')), now);
  const created = {
    at: now(),
    slug: 'myapp',
    name: 'My app',
    plan: 'enterprise',
    createdBy: 'usr_a',
  } as const;
  await fixture.log.create(registries, REGISTRY, createRegistry(created, []), fixture.context());
}, 30_000);
afterEach(() => {
  deliveries = [];
  delivered.length = 0;
});
afterAll(async () => {
  for (const worker of workers) await worker.close();
  await fixture.close();
});

const parts = (): RotationParts => ({
  log: fixture.log,
  readModels: fixture.readModels,
  membership: { widened: () => Promise.resolve() },
  subjectKeys: () => Promise.resolve(subjectKeys),
  deliver,
});
const worker = (prefix: string): RotateKeys => {
  const started = new RotateKeys(parts(), fixture.queue(prefix), createLog('fatal'));
  workers.push(started);
  return started;
};
/** A key that is to be rotated `inMs` from now. */
const scheduled = async (inMs: number): Promise<string> => {
  const id = await fixture.key();
  const schedule = `rot_${randomBase62(16)}`;
  const target = await subjectKeys.seal(schedule, JSON.stringify(TARGET), fixture.context());
  const data = {
    at: fixture.ago(60_000), registry: REGISTRY, schedule, every: 'P30D', gracePeriod: 'PT24H', kind: TARGET.kind, target,
    dueAt: fixture.ago(-inMs),
  }; // prettier-ignore
  await fixture.decide(id, scheduleRotation(data));
  return id;
};
const stateOf = async (id: string) => {
  const { state } = await fixture.log.read(keys, id);
  if (state.status === 'none') throw new Error(`no key ${id}`);
  return state;
};
const ROTATED = ['KeyGenerated', 'KeyRotationScheduled', 'RotationDelivered', 'KeyRotated'];
/** Every successor that was ever made for a key. */
const heirsOf = async (id: string): Promise<ExistingKey[]> => {
  const rows = fixture.readModels.database.all('SELECT id FROM keys WHERE rotates = ? ORDER BY born', [id]);
  return Promise.all(rows.map((row) => stateOf(row['id'] as string)));
};

describe('the worker that rotates keys', () => {
  it('rotates each once, however many workers there are and whatever Redis forgets', async () => {
    const ids = [await scheduled(-1_000), await scheduled(-1), await scheduled(1_500)];
    const both = [worker('two'), worker('two')];
    await Promise.all(both.map((each) => each.reconcile()));
    await fixture.connect().flushall();
    for (let round = 0; round < 3; round++) await Promise.all(both.map((each) => each.reconcile()));
    await fixture.happened('KeyRotated', ids);
    await Promise.all(both.map((each) => each.reconcile()));
    for (const id of ids) {
      expect(await fixture.typesOf(id)).toEqual(ROTATED);
      const { rotation } = await stateOf(id);
      expect(delivered.filter(({ predecessor }) => predecessor.id === id).map((each) => each.id)).toEqual([
        rotation!.successor,
      ]);
      expect(await heirsOf(id)).toHaveLength(1);
    }
  }, 30_000);

  it('leaves a key alone that is not due, and one that is suspended', async () => {
    const rotation = new AutomaticRotation(parts());
    const [later, suspended] = [await scheduled(3_600_000), await scheduled(-1)];
    await fixture.decide(suspended, suspendKey({ registry: REGISTRY, at: now() }));
    for (const id of [later, suspended]) await rotation.rotate(id);
    const due = dueRotations(fixture.readModels.database, now(), 100);
    for (const id of [later, suspended]) {
      expect(await heirsOf(id)).toEqual([]);
      expect(due.map((each) => each.id)).not.toContain(id);
    }
    await fixture.decide(suspended, resumeKey({ registry: REGISTRY, at: now() }));
    expect(dueRotations(fixture.readModels.database, now(), 100).map((each) => each.id)).toContain(suspended);
  });
});

describe('a rotation', () => {
  const rotate = (id: string) => new AutomaticRotation(parts()).rotate(id);
  const fails = () => Promise.reject(new DeliveryFailed('the target answered 503', true));
  /** A delivery that waits, from `begun` until `end`. */
  const held = () => {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const begun = new Promise<NewSecret>((resolve) => {
      deliveries.push((secret) => (resolve(secret), ended));
    });
    return { begun, end };
  };
  const discard = (id: string) =>
    fixture.decide(id, revokeKey({ registry: REGISTRY, at: now(), cause: 'discarded' }));

  it('begins the grace only once the target has the secret', async () => {
    const id = await scheduled(-1);
    let during: string[] = [];
    deliveries = [async () => void (during = await fixture.typesOf(id))];
    await rotate(id);
    expect(during).toEqual(['KeyGenerated', 'KeyRotationScheduled']);
    expect(await fixture.typesOf(id)).toEqual(ROTATED);
    const { rotation, schedule } = await stateOf(id);
    expect(schedule).toBeNull();
    expect(Date.parse(rotation!.graceEndsAt) - Date.parse(rotation!.at)).toBe(86_400_000);
    expect(await stateOf(rotation!.successor)).toMatchObject({ schedule: { every: 'P30D', failures: 0 } });
  });

  it('that fails leaves no successor, and the old key goes on until another attempt goes well', async () => {
    const id = await scheduled(-1);
    deliveries = [fails];
    await rotate(id);
    expect(await stateOf(id)).toMatchObject({ status: 'active', rotation: null, schedule: { failures: 1 } });
    // Not due for a while.
    await rotate(id);
    expect(delivered).toEqual([]);
    await fixture.decide(id, scheduleRotation(await dataOf(id, -1)));
    await rotate(id);
    expect((await heirsOf(id)).map(({ revocation }) => revocation?.cause)).toEqual(['discarded', undefined]);
    expect((await stateOf(id)).rotation!.successor).toBe(delivered.at(-1)!.id);
  });

  it('is made by one worker at a time: another one waits', async () => {
    const id = await scheduled(-1);
    const { begun, end } = held();
    const first = rotate(id);
    await begun;
    await expect(rotate(id)).rejects.toThrow('exists already');
    end();
    await first;
    await rotate(id);
    expect(delivered).toHaveLength(1);
    expect(await fixture.typesOf(id)).toEqual(ROTATED);
  });

  it('that a worker died in is made anew, with another successor, once the first is discarded', async () => {
    const id = await scheduled(-1);
    let lost = '';
    deliveries = [(secret) => ((lost = secret.id), Promise.reject(new Error('the worker is gone')))];
    await expect(rotate(id)).rejects.toThrow('the worker is gone');
    await expect(rotate(id)).rejects.toThrow('exists already');
    await discard(lost);
    await rotate(id);
    const { rotation } = await stateOf(id);
    expect(delivered.map((secret) => secret.id)).toEqual([rotation!.successor]);
    expect(rotation!.successor).not.toBe(lost);
    expect(await fixture.typesOf(id)).toEqual(ROTATED);
  });

  it('that another worker has overtaken leaves no secret at the target that does not work', async () => {
    const id = await scheduled(-1);
    const { begun, end } = held();
    const stopped = rotate(id);
    await discard((await begun).id);
    await rotate(id);
    const { rotation } = await stateOf(id);
    end();
    await stopped;
    expect(delivered.map((secret) => secret.id)).toEqual([rotation!.successor, (await begun).id]);
    expect(await fixture.typesOf(id)).toEqual(ROTATED);
    await rotate(rotation!.successor);
    const last = delivered.at(-1)!.id;
    expect((await stateOf(rotation!.successor)).rotation!.successor).toBe(last);
    expect((await stateOf(last)).status).toBe('active');
  });

  it('whose schedule is ended meanwhile is undone', async () => {
    const id = await scheduled(-1);
    const { begun, end } = held();
    const rotating = rotate(id);
    await begun;
    const { schedule } = (await stateOf(id)).schedule!;
    await fixture.decide(id, unscheduleRotation(schedule, { registry: REGISTRY, at: now() }));
    end();
    await rotating;
    expect(await fixture.typesOf(id)).toEqual([
      'KeyGenerated',
      'KeyRotationScheduled',
      'KeyRotationUnscheduled',
    ]);
    expect(await heirsOf(id)).toMatchObject([{ revocation: { cause: 'discarded' } }]);
  });

  it('whose successor somebody revokes meanwhile fails, and the old key keeps its schedule', async () => {
    const id = await scheduled(-1);
    const { begun, end } = held();
    const rotating = rotate(id);
    await fixture.decide((await begun).id, revokeKey({ registry: REGISTRY, at: now() }));
    await worker('revoked meanwhile').reconcile();
    end();
    await rotating;
    const { status, rotation, schedule } = await stateOf(id);
    expect([status, rotation, schedule!.lastFailure!.error]).toEqual([
      'active',
      null,
      'the new key was ended meanwhile',
    ]);
    expect(await subjectKeys.open(schedule!.target)).toBeDefined();
  });

  it('is not made where what opens the target is destroyed: the schedule ends', async () => {
    const id = await scheduled(-1);
    await subjectKeys.erase((await stateOf(id)).schedule!.schedule);
    await rotate(id);
    expect(await fixture.typesOf(id)).toEqual([
      'KeyGenerated',
      'KeyRotationScheduled',
      'KeyRotationUnscheduled',
    ]);
    expect(await heirsOf(id)).toEqual([]);
  });

  it('is not made by a plan that does not include it, which is said', async () => {
    const id = await scheduled(-1);
    await withPlan('team', () => rotate(id));
    expect(await stateOf(id)).toMatchObject({
      schedule: { failures: 1, lastFailure: { error: expect.stringContaining('plan') } },
    });
    expect(await heirsOf(id)).toEqual([]);
  });

  async function dataOf(id: string, inMs: number): Promise<KeyRotationScheduled['data']> {
    const { failures: _, lastFailure: __, delivered: ___, ...schedule } = (await stateOf(id)).schedule!;
    return { ...schedule, at: now(), registry: REGISTRY, dueAt: fixture.ago(-inMs) };
  }

  async function withPlan(plan: Plan, act: () => Promise<void>): Promise<void> {
    const change = async (to: Plan) => {
      const decision = changePlan(to, now());
      const { position } = await fixture.log.transact(registries, REGISTRY, decision, fixture.context());
      await fixture.readModels.waitFor(position, 5_000);
    };
    await change(plan);
    await act();
    await change('enterprise');
  }
});

describe('a schedule whose key has ended', () => {
  it('ends with it, and so does what opened its target', async () => {
    const id = await scheduled(3_600_000);
    const { target } = (await stateOf(id)).schedule!;
    await fixture.decide(id, revokeKey({ registry: REGISTRY, at: now() }));
    await worker('ended').reconcile();
    expect((await fixture.typesOf(id)).at(-1)).toBe('KeyRotationUnscheduled');
    expect(await subjectKeys.open(target)).toBeUndefined();
  });

  it('goes on with a key that it was handed to', async () => {
    const id = await scheduled(-1);
    await new AutomaticRotation(parts()).rotate(id);
    const { successor } = (await stateOf(id)).rotation!;
    await fixture.decide(id, revokeKey({ registry: REGISTRY, at: now() }));
    await worker('handed').reconcile();
    expect((await fixture.typesOf(id)).at(-1)).toBe('KeyRevoked');
    expect(await subjectKeys.open((await stateOf(successor)).schedule!.target)).toBeDefined();
  });
});
