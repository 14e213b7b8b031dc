import { describe, expect, it } from '@jest/globals';
import { given } from '../../../test/support/given.js';
import { addMember, changeMemberRole, removeMember } from './members.js';
import { registries, type RegistryFact } from './registry.js';

const at = '2026-01-01T00:00:00.000Z';
const later = '2026-01-02T00:00:00.000Z';
const created: RegistryFact = {
  type: 'RegistryCreated',
  data: { at, slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' },
};
const added: RegistryFact = { type: 'MemberAdded', data: { at, user: 'usr_b', role: 'admin' } };
const changed: RegistryFact = {
  type: 'MemberRoleChanged',
  data: { at: later, user: 'usr_b', role: 'viewer' },
};
const removed: RegistryFact = { type: 'MemberRemoved', data: { at: later, user: 'usr_b' } };
const membersAfter = (...facts: RegistryFact[]) => {
  const { state } = given(registries, [created, ...facts]);
  return state.status === 'none' ? undefined : [...state.members];
};

describe('adding a member', () => {
  it('records it', () => {
    given(registries, [created])
      .when(addMember('usr_b', 'admin', at))
      .then([added]);
    expect(membersAfter(added)).toEqual([['usr_b', { role: 'admin', addedAt: at }]]);
  });
  it('again adds nothing, and one who was removed is recorded anew', () => {
    given(registries, [created, added])
      .when(addMember('usr_b', 'admin', later))
      .quiet();
    given(registries, [created, added, removed])
      .when(addMember('usr_b', 'admin', at))
      .then([added]);
  });
  it('refuses a registry that does not exist, and a member with another role', () => {
    given(registries, [])
      .when(addMember('usr_b', 'admin', at))
      .refuses('not-found');
    given(registries, [created, added])
      .when(addMember('usr_b', 'owner', at))
      .refuses('already-member');
  });
});

describe('changing the role of a member', () => {
  it('records it, and leaves the day on which the user was added', () => {
    given(registries, [created, added])
      .when(changeMemberRole('usr_b', 'viewer', later))
      .then([changed]);
    expect(membersAfter(added, changed)).toEqual([['usr_b', { role: 'viewer', addedAt: at }]]);
  });
  it('to the one that it is adds nothing', () =>
    given(registries, [created, added])
      .when(changeMemberRole('usr_b', 'admin', later))
      .quiet());
  it('refuses who is no member, was removed, or is asked for in a registry that does not exist', () => {
    const decision = changeMemberRole('usr_b', 'viewer', later);
    for (const facts of [[created], [created, added, removed], []]) {
      given(registries, facts).when(decision).refuses('not-found');
    }
  });
});

describe('removing a member', () => {
  it('records it', () => {
    given(registries, [created, added]).when(removeMember('usr_b', later)).then([removed]);
    expect(membersAfter(added, removed)).toEqual([]);
  });
  it('again, or one who is none, adds nothing', () => {
    given(registries, [created, added, removed]).when(removeMember('usr_b', later)).quiet();
    given(registries, [created, added]).when(removeMember('usr_c', later)).quiet();
  });
  it('refuses a registry that does not exist', () =>
    given(registries, []).when(removeMember('usr_b', later)).refuses('not-found'));
});
