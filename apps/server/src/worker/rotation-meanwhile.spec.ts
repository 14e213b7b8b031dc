import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hashSecret, parseKey } from '#libs/kernel';
import {
  changeKey, keys, resumeKey, revokeKey, rotateKey, suspendKey, unscheduleRotation, type ExistingKey, type KeyTraits,
} from '#libs/keys'; // prettier-ignore
import { Outgoing } from '#libs/outgoing';
import { now } from '#libs/platform';
import { RotationScene } from '../../../../test/support/rotation-scene.js';
import { VaultServer } from '../../../../test/support/rotation-targets/vault-server.js';
import { REGISTRY } from '../../../../test/support/worker-fixture.js';
import type { RotationTarget } from '../rotation-target.js';
import { DeliverSecret } from './targets/deliver-secret.js';

const PLACE = 'secret/data/ci/registry';
const RIGHTS = {
  permission: 'read-write',
  repositories: ['team/*', 'tools/*'],
  networks: ['10.0.0.0/8'],
} as const;
const DAY_MS = 86_400_000;

const vault = new VaultServer();
let scene: RotationScene;

beforeAll(async () => {
  await vault.listen();
  scene = await RotationScene.start(new DeliverSecret(new Outgoing(true), undefined));
}, 30_000);
beforeEach(() => vault.versions.clear());
afterAll(async () => {
  await scene.close();
  vault.close();
});

const target = (): RotationTarget => {
  const { url, token } = vault;
  return { kind: 'vault', url, mount: 'secret', path: 'ci/registry', token };
};
const onKey = () => ({ registry: REGISTRY, at: now() });

/** A key that a worker is rotating: the target has the secret of the successor, and keeps back its answer. */
async function delivering() {
  const id = await scene.scheduled(target(), -1, RIGHTS);
  const { taken, answer } = vault.hold(({ method }) => method === 'POST');
  const worker = scene.worker(id);
  await worker.reconcile();
  await taken;
  return {
    id,
    /** The rotation goes on with what became of the key, and so does the worker, until these facts stand in the log. */
    async until(type: string, of = id) {
      const happened = scene.fixture.happened(type, [of]);
      answer();
      await happened;
    },
    /** The worker looks for what is due, until this key has such a fact. */
    async works(type: string, of = id) {
      await worker.reconcile();
      await scene.fixture.happened(type, [of]);
    },
  };
}

/** The key whose secret the target has: it has to be the very secret of a key that there is. */
async function atTarget(): Promise<ExistingKey & { readonly id: string }> {
  const { username, password } = vault.versions.get(PLACE)!.at(-1)!;
  const state = await scene.stateOf(username!);
  expect(state.generated.secretHash).toBe(hashSecret(parseKey(password!)!.secret));
  return { ...state, id: username! };
}

describe('a right that is taken away while the secret of the successor is delivered', () => {
  it.each<[string, Partial<KeyTraits>]>([
    ['to push', { permission: 'read' }],
    ['to repositories', { repositories: ['team/*'] }],
    ['from networks', { networks: ['10.1.0.0/16'] }],
  ])('%s is not kept by the successor: that one ends, and the next has less', async (_, changes) => {
    const { id, until, works } = await delivering();
    await scene.fixture.decide(id, changeKey({ ...onKey(), changes }));
    await until('RotationFailed');
    const first = await atTarget();
    expect(first).toMatchObject({ ...RIGHTS, status: 'revoked', revocation: { cause: 'discarded' } });
    expect(await scene.stateOf(id)).toMatchObject({ status: 'active', rotation: null });
    await works('KeyRotated');
    const next = await atTarget();
    expect(next).toMatchObject({ ...RIGHTS, ...changes, status: 'active' });
    expect((await scene.stateOf(id)).rotation!.successor).toBe(next.id);
    expect((await scene.heirsOf(id)).filter(({ status }) => status === 'active')).toHaveLength(1);
  });
});

describe('a target that took the secret of a successor which was discarded', () => {
  const isServed = async (id: string) => {
    const served = await atTarget();
    expect(served.status).toBe('active');
    expect((await scene.stateOf(id)).rotation!.successor).toBe(served.id);
  };

  it('is served at once where the schedule was replaced, however late the next rotation was to be', async () => {
    const { id, until, works } = await delivering();
    const { schedule } = (await scene.stateOf(id)).schedule!;
    await scene.schedule(id, schedule, target(), 30 * DAY_MS);
    await until('RotationFailed');
    expect(await atTarget()).toMatchObject({ status: 'revoked' });
    await works('KeyRotated');
    await isServed(id);
  });

  it('is served at once when the key, which was suspended, is resumed', async () => {
    const { id, until, works } = await delivering();
    await scene.fixture.decide(id, suspendKey(onKey()));
    await until('RotationFailed');
    expect(await atTarget()).toMatchObject({ status: 'revoked' });
    expect((await scene.stateOf(id)).schedule!.lastFailure!.error).toContain('suspended');
    await scene.fixture.decide(id, resumeKey(onKey()));
    await works('KeyRotated');
    await isServed(id);
  });

  it('is served at once where the key was suspended and resumed, and its schedule replaced', async () => {
    const { id, until, works } = await delivering();
    await scene.fixture.decide(id, suspendKey(onKey()));
    await scene.fixture.decide(id, resumeKey(onKey()));
    await scene.schedule(id, 'rot_another', target(), 30 * DAY_MS);
    await until('RotationFailed');
    await works('KeyRotated');
    await isServed(id);
  });

  it('is served at once by the successor that somebody made by hand', async () => {
    const { id, until, works } = await delivering();
    const successor = await scene.scheduled(target(), 30 * DAY_MS, { ...RIGHTS, rotates: id });
    const graceEndsAt = scene.fixture.ago(-DAY_MS);
    await scene.fixture.decide(id, rotateKey({ ...onKey(), successor, graceEndsAt, bornAt: now() }));
    await until('RotationFailed', successor);
    expect(await atTarget()).toMatchObject({ status: 'revoked' });
    await works('KeyRotated', successor);
    await isServed(successor);
  });

  it.each([
    ['the key was revoked', () => revokeKey(onKey()), 'KeyRevoked'],
    ['the schedule was removed', (schedule: string) => unscheduleRotation(schedule, onKey()), 'KeyRotationUnscheduled'],
  ])('is served no more where %s', async (_, decision, last) => {
    const { id, until } = await delivering();
    const { schedule } = (await scene.stateOf(id)).schedule!;
    await scene.fixture.decide(id, decision(schedule));
    await until('KeyRevoked', (await atTarget()).id);
    expect(await atTarget()).toMatchObject({ status: 'revoked', revocation: { cause: 'discarded' } });
    expect((await scene.fixture.typesOf(id)).at(-1)).toBe(last);
    expect((await scene.fixture.log.read(keys, id)).state).toMatchObject({ rotation: null });
  }); // prettier-ignore
});
