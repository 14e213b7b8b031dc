import { describe, expect, it } from '@jest/globals';
import type { EventLog } from '#libs/event-store';
import type { Decision } from '#libs/kernel';
import { generateKey, keys, type KeyFact, type KeyGenerated, type KeyState } from '#libs/keys';
import type { ReadModels, RegistryRow } from '#libs/read-models';
import { ProveRevocation } from '../../membership/prove-revocation.js';
import { answeringMembership } from '../../membership/testing/answering-membership.js';

import { RevokeKey, RevokeKeyHandler } from './revoke-key.js';

const generatedData: KeyGenerated['data'] = {
  at: '2026-01-01T00:00:00.000Z', registry: 'reg_a', registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read',
  secretHash: 'ab'.repeat(32), expiresAt: null, description: null, labels: {}, repositories: [], networks: [], expectedCountries: [], rotates: null, canary: false,
}; // prettier-ignore
const context = { commandId: 'c', actor: { type: 'user', id: 'usr_a' } as const, correlationId: 'r' };
const registry = { id: generatedData.registry, serveReadsFor: 'PT5M' } as RegistryRow;
const command = () => new RevokeKey(registry, 'drk_a', context);

/** A log with one key; position n is that of its n-th event. The gates confirm a position when `confirm` says so. */
class Node {
  readonly events: KeyFact[] = [];
  readonly asked: bigint[] = [];
  confirm: () => void = () => undefined;

  readonly log = {
    read: () =>
      Promise.resolve({
        events: this.events.map((fact, index) => ({ ...fact, position: BigInt(index + 1) })),
      }),
    transact: (_kind: unknown, _id: string, decision: Decision<KeyState, KeyFact>) => {
      const facts = decision(this.state);
      this.events.push(...facts);
      return Promise.resolve({
        state: this.state,
        facts,
        position: BigInt(this.events.length),
        revision: 0n,
      });
    },
  } as unknown as EventLog;

  constructor() {
    this.events.push(...generateKey(generatedData)(keys.initial));
  }

  get state(): KeyState {
    return this.events.reduce(keys.evolve, keys.initial);
  }

  revoke() {
    const readModels = { waitFor: () => Promise.resolve(true) } as unknown as ReadModels;
    const membership = answeringMembership((position) => {
      this.asked.push(position);
      return new Promise<void>((resolve) => (this.confirm = resolve));
    });
    const prove = new ProveRevocation(this.log, membership);
    return new RevokeKeyHandler(this.log, prove, readModels).execute(command());
  }
}

const untilAsked = async (node: Node, times: number): Promise<void> => {
  while (node.asked.length < times) await new Promise(setImmediate);
};

describe('a revocation', () => {
  it('is proven at the position of KeyRevoked before it is answered, and says what the registry allowed', async () => {
    const node = new Node();
    const answer = node.revoke();
    await untilAsked(node, 1);
    expect(node.asked).toEqual([2n]);
    expect(node.events.map(({ type }) => type)).toEqual(['KeyGenerated', 'KeyRevoked']);
    node.confirm();
    expect((await answer).proof).toMatchObject({ position: '2', serveReadsFor: 'PT5M', members: [] });
    expect(node.events.at(-1)?.type).toBe('KeyRevocationProven');
  });

  it('that was revoked by a call that got no answer waits all the same, for the position of that one', async () => {
    const node = new Node();
    void node.revoke();
    await untilAsked(node, 1);
    const again = node.revoke();
    await untilAsked(node, 2);
    expect(node.asked).toEqual([2n, 2n]);
    node.confirm();
    expect((await again).proof.position).toBe('2');
  });

  it('that is proven has the first proof for every later caller, without another wait', async () => {
    const node = new Node();
    const first = node.revoke();
    await untilAsked(node, 1);
    node.confirm();
    const { proof } = await first;
    expect((await node.revoke()).proof).toEqual(proof);
    expect(node.asked).toHaveLength(1);
    expect(node.events).toHaveLength(3);
  });
});
