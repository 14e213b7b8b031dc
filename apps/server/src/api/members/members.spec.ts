import { describe, expect, it } from '@jest/globals';
import type { CommandContext, EventLog } from '#libs/event-store';
import { Refusal, type Decision, type Role } from '#libs/kernel';
import { addMember, registries, type RegistryFact, type RegistryState } from '#libs/registries';
import type { Narrowed } from '../http/narrowed.js';
import type { Widened } from '../http/widened.js';
import { ChangeMember, ChangeMemberHandler } from './change-member.js';
import { RemoveMember, RemoveMemberHandler } from './remove-member.js';

const context: CommandContext = {
  commandId: 'c',
  actor: { type: 'user', id: 'usr_a' },
  correlationId: 'r',
};
const at = '2026-01-01T00:00:00.000Z';
const created: RegistryFact = {
  type: 'RegistryCreated',
  data: { at, slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' },
};
const POSITION = 7n;

/** A log with one registry and a member, and nodes that confirm no position. */
class Node {
  state: RegistryState = registries.evolve(registries.initial, created);
  readonly log = {
    transact: (_kind: unknown, _id: string, decision: Decision<RegistryState, RegistryFact>) => {
      const facts = decision(this.state);
      this.state = facts.reduce(registries.evolve, this.state);
      return Promise.resolve({ state: this.state, history: [], facts, position: POSITION, revision: 0n });
    },
  } as unknown as EventLog;
  readonly widened = { apply: () => Promise.resolve() } as unknown as Widened;
  readonly narrowed = {
    apply: () => Promise.reject(new Refusal('unavailable', 'not confirmed')),
  } as unknown as Narrowed;

  constructor(role: Role) {
    this.state = addMember('usr_b', role, at)(this.state).reduce(registries.evolve, this.state);
  }

  get role(): Role | undefined {
    return this.state.status === 'none' ? undefined : this.state.members.get('usr_b')?.role;
  }

  change(role: Role) {
    const handler = new ChangeMemberHandler(this.log, this.narrowed, this.widened);
    return handler.execute(new ChangeMember('reg_a', 'usr_b', role, context));
  }

  remove() {
    const handler = new RemoveMemberHandler(this.log, this.narrowed);
    return handler.execute(new RemoveMember('reg_a', 'usr_b', context));
  }
}

describe('another role', () => {
  it.each<[Role, Role]>([
    ['owner', 'admin'],
    ['admin', 'viewer'],
    ['developer', 'auditor'],
    ['auditor', 'developer'],
    ['viewer', 'viewer'],
    ['owner', 'owner'],
  ])('of %s to %s is not answered with success while a node has not confirmed it', async (from, to) => {
    const node = new Node(from);
    await expect(node.change(to)).rejects.toMatchObject({ code: 'unavailable' });
    expect(node.role).toBe(to);
  });

  it.each<[Role, Role]>([
    ['viewer', 'owner'],
    ['viewer', 'auditor'],
    ['developer', 'admin'],
    ['auditor', 'admin'],
  ])('of %s to %s takes nothing away, and is answered without it', async (from, to) => {
    await expect(new Node(from).change(to)).resolves.toMatchObject({ position: POSITION });
  });
});

describe('the removal of a member', () => {
  it('is not answered with success while a node has not confirmed it, nor is the second one with "no such member"', async () => {
    const node = new Node('viewer');
    for (let call = 0; call < 2; call++) {
      await expect(node.remove()).rejects.toMatchObject({ code: 'unavailable' });
      expect(node.role).toBeUndefined();
    }
  });
});
