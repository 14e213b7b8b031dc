import { Refusal, type Decision, type Role } from '#libs/kernel';
import { existing, type MemberAdded, type RegistryFact, type RegistryState } from './registry.js';

type RegistryDecision = Decision<RegistryState, RegistryFact>;

/** Gives a user a role. The same one again adds nothing; a member with another role is refused: that is a change. */
export function addMember(user: string, role: Role, at: string): RegistryDecision {
  return (state) => {
    const member = existing(state).members.get(user);
    if (!member) return [memberAdded(user, role, at)];
    if (member.role === role) return [];
    throw new Refusal('already-member', 'the user is a member with another role');
  };
}

/** Another role for a member. The same one adds nothing. */
export function changeMemberRole(user: string, role: Role, at: string): RegistryDecision {
  return (state) => {
    const member = existing(state).members.get(user);
    if (!member) throw missingMember();
    return member.role === role ? [] : [{ type: 'MemberRoleChanged', data: { at, user, role } }];
  };
}

/** The user has no role any more. Nothing for one who has none. */
export function removeMember(user: string, at: string): RegistryDecision {
  return (state) =>
    existing(state).members.has(user) ? [{ type: 'MemberRemoved', data: { at, user } }] : [];
}

export function memberAdded(user: string, role: Role, at: string): MemberAdded {
  return { type: 'MemberAdded', data: { at, user, role } };
}

/** Made afresh for every caller. */
export function missingMember(): Refusal {
  return new Refusal('not-found', 'there is no such member');
}
