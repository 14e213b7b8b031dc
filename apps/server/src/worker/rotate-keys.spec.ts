import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { changeKey, expireKey, resumeKey, revokeKey, suspendKey, unscheduleRotation } from '#libs/keys';
import { now } from '#libs/platform';
import { dueRotations, endedSchedules } from '#libs/read-models';
import { changePlan, registries, type Plan } from '#libs/registries';
import { RotationScene } from '../../../../test/support/rotation-scene.js';
import { REGISTRY, type WorkerFixture } from '../../../../test/support/worker-fixture.js';
import type { RotationTarget } from '../rotation-target.js';
import { AutomaticRotation } from './automatic-rotation.js';
import { DeliveryFailed, type NewSecret } from './targets/delivery.js';

const TARGET: RotationTarget = {
  kind: 'webhook',
  url: 'https://hooks.example.com/',
  signingSecret: 'whsec_x',
};

let scene: RotationScene;
let fixture: WorkerFixture;
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
  scene = await RotationScene.start(deliver);
  fixture = scene.fixture;
}, 30_000);
afterEach(() => {
  deliveries = [];
  delivered.length = 0;
});
afterAll(() => scene.close());

const parts = () => scene.parts();
const worker = (prefix: string) => scene.worker(prefix);
const scheduled = (inMs: number) => scene.scheduled(TARGET, inMs);
const stateOf = (id: string) => scene.stateOf(id);
const heirsOf = (id: string) => scene.heirsOf(id);
const ROTATED = ['KeyGenerated', 'KeyRotationScheduled', 'RotationDelivered', 'KeyRotated'];

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
    await scene.schedule(id, (await stateOf(id)).schedule!.schedule, TARGET, -1);
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

  it('that is cut off again and again is said to have failed, and tried later', async () => {
    const id = await scheduled(-1);
    for (let cutOff = 0; cutOff < 10; cutOff++) {
      let lost = '';
      deliveries = [(secret) => ((lost = secret.id), Promise.reject(new Error('the worker is gone')))];
      await expect(rotate(id)).rejects.toThrow('the worker is gone');
      await discard(lost);
    }
    await rotate(id);
    const { schedule } = await stateOf(id);
    expect(schedule).toMatchObject({
      failures: 1,
      lastFailure: { error: expect.stringContaining('cut off') },
    });
    expect(Date.parse(schedule!.dueAt)).toBeGreaterThan(Date.now());
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
    const schedule = { lastFailure: { error: 'the new key was ended meanwhile' } };
    expect(await stateOf(id)).toMatchObject({ status: 'active', rotation: null, schedule });
    expect(await scene.subjectKeys.open((await stateOf(id)).schedule!.target)).toBeDefined();
  });

  it('is not made where what opens the target is destroyed: the schedule ends', async () => {
    const id = await scheduled(-1);
    await scene.subjectKeys.erase((await stateOf(id)).schedule!.schedule);
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
    expect(await scene.subjectKeys.open(target)).toBeUndefined();
  });

  it('says so when the key expired before a rotation went well, suspended or not', async () => {
    const ended = async (suspended: boolean) => {
      const id = await scheduled(3_600_000);
      if (suspended) await fixture.decide(id, suspendKey({ registry: REGISTRY, at: now() }));
      await fixture.decide(
        id,
        changeKey({ registry: REGISTRY, at: now(), changes: { expiresAt: fixture.ago(-5_000) } }),
      );
      await fixture.decide(id, expireKey(fixture.ago(-5_000)));
      return id;
    };
    const ids = [await ended(false), await ended(true)];
    await worker('lapsed').reconcile();
    await fixture.happened('KeyRotationLapsed', ids);
    for (const id of ids) {
      expect((await fixture.log.readStream(`key-${id}`)).at(-1)).toMatchObject({
        type: 'KeyRotationLapsed',
        data: { kind: 'webhook', error: null, recipients: ['usr_a'] },
      });
    }
    const left = endedSchedules(fixture.readModels.database, 100).map((each) => each.id);
    for (const id of ids) expect(left).not.toContain(id);
  });

  it('goes on with a key that it was handed to', async () => {
    const id = await scheduled(-1);
    await new AutomaticRotation(parts()).rotate(id);
    const { successor } = (await stateOf(id)).rotation!;
    await fixture.decide(id, revokeKey({ registry: REGISTRY, at: now() }));
    await worker('handed').reconcile();
    expect((await fixture.typesOf(id)).at(-1)).toBe('KeyRevoked');
    expect(await scene.subjectKeys.open((await stateOf(successor)).schedule!.target)).toBeDefined();
  });
});
