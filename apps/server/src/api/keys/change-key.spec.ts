import { describe, expect, it } from '@jest/globals';
import type { CommandContext, EventLog } from '#libs/event-store';
import { Refusal, type Decision } from '#libs/kernel';
import { generateKey, keys, suspendKey, type KeyFact, type KeyState, type KeyTraits } from '#libs/keys';
import { DEFAULT_POLICY } from '#libs/registries';
import type { Narrowed } from '../http/narrowed.js';
import type { Widened } from '../http/widened.js';
import { ChangeKey, ChangeKeyHandler } from './change-key.js';
import { ResumeKey, ResumeKeyHandler } from './resume-key.js';
import { SuspendKey, SuspendKeyHandler } from './suspend-key.js';

const context: CommandContext = {
  commandId: 'c',
  actor: { type: 'user', id: 'usr_a' },
  correlationId: 'r',
};
const traits: KeyTraits = {
  name: 'CI',
  description: null,
  labels: {},
  permission: 'read-write',
  expiresAt: '2999-01-01T00:00:00.000Z',
  repositories: ['team/*'],
  networks: ['10.0.0.0/8'],
  expectedCountries: [],
};
const born = generateKey({
  ...traits,
  at: '2026-01-01T00:00:00.000Z',
  registry: 'reg_a',
  registryRevision: '0',
  createdBy: 'usr_a',
  secretHash: 'ab'.repeat(32),
});
const POSITION = 7n;

/** A log with one key, and a gate that confirms no position. */
class Node {
  state: KeyState = { status: 'none' };
  readonly asked: bigint[] = [];
  readonly log = {
    transact: (_kind: unknown, _id: string, decision: Decision<KeyState, KeyFact>) => {
      this.happens(decision);
      return Promise.resolve({ state: this.state, history: [], facts: [], position: POSITION, revision: 0n });
    },
  } as unknown as EventLog;
  readonly widened = {
    apply: (position: bigint) => {
      this.asked.push(position);
      return Promise.resolve();
    },
  } as unknown as Widened;
  readonly narrowed = {
    apply: (position: bigint) => {
      this.asked.push(position);
      return Promise.reject(new Refusal('unavailable', 'not confirmed'));
    },
  } as unknown as Narrowed;

  constructor(...decisions: Decision<KeyState, KeyFact>[]) {
    for (const decision of [born, ...decisions]) this.happens(decision);
  }

  change(changes: Partial<KeyTraits>) {
    const handler = new ChangeKeyHandler(this.log, this.widened, this.narrowed);
    return handler.execute(new ChangeKey({ id: 'reg_a', policy: DEFAULT_POLICY }, 'drk_a', changes, context));
  }

  private happens(decision: Decision<KeyState, KeyFact>): void {
    this.state = decision(this.state).reduce(keys.evolve, this.state);
  }
}

describe('a change of a key', () => {
  it.each<[string, Partial<KeyTraits>]>([
    ['another permission', { permission: 'read' }],
    ['an earlier end', { expiresAt: '2998-01-01T00:00:00.000Z' }],
    ['other repositories', { repositories: ['team/api'] }],
    ['other networks', { networks: ['10.0.0.0/9'] }],
    ['no repositories at all of those it had', { repositories: ['base'] }],
    [
      'more in one right and less in another',
      { permission: 'read-write-delete', networks: ['192.0.2.0/24'] },
    ],
    ['what holds already, maybe since a call that got no answer', { permission: 'read-write' }],
    ['the networks that it has', { networks: ['10.0.0.0/8'] }],
    ['more in one right, and the same in another', { permission: 'read-write', expiresAt: null }],
  ])('to %s is not answered with success while a gate has not confirmed it', async (_, changes) => {
    const node = new Node();
    await expect(node.change(changes)).rejects.toMatchObject({ code: 'unavailable' });
    expect(node.asked).toEqual([POSITION]);
  });

  it.each<[string, Partial<KeyTraits>]>([
    ['another name', { name: 'CD', labels: { a: 'b' }, description: 'x' }],
    ['nothing', {}],
    ['wider restrictions', { repositories: ['team/**'], networks: ['10.0.0.0/8', '192.0.2.0/24'] }],
    ['more', { permission: 'read-write-delete', expiresAt: null, repositories: [], networks: [] }],
  ])('to %s waits for a gate as well, and is answered without it', async (_, changes) => {
    const node = new Node();
    await expect(node.change(changes)).resolves.toMatchObject({ position: POSITION, state: changes });
    expect(node.asked).toEqual([POSITION]);
  });
});

describe('a suspension', () => {
  const suspend = ({ log, narrowed }: Node) =>
    new SuspendKeyHandler(log, narrowed).execute(new SuspendKey('reg_a', 'drk_a', context));

  it('is not answered with success while a gate has not confirmed it, the second one neither', async () => {
    const suspended = suspendKey({ registry: 'reg_a', at: '2026-01-01T00:00:01.000Z' });
    for (const node of [new Node(), new Node(suspended)]) {
      await expect(suspend(node)).rejects.toMatchObject({ code: 'unavailable' });
      expect(node.state).toMatchObject({ status: 'suspended' });
      expect(node.asked).toEqual([POSITION]);
    }
  });

  it('is ended without a confirmation', async () => {
    const node = new Node(suspendKey({ registry: 'reg_a', at: '2026-01-01T00:00:01.000Z' }));
    const handler = new ResumeKeyHandler(node.log, node.widened);
    const resumed = await handler.execute(new ResumeKey('reg_a', 'drk_a', context));
    expect(resumed).toMatchObject({ position: POSITION, state: { status: 'active' } });
    expect(node.asked).toEqual([POSITION]);
  });
});
