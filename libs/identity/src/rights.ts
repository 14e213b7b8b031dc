import { ROLES, type Role } from '#libs/kernel';

export { ROLES, type Role };

/**
 * What can be asked of the API. `see`: the registry, its keys, usage and alerts. `own-keys`, `any-keys`: generate and change
 * the keys that one generated, or everybody's. `configure`: policy, channels, alert rules. `acknowledge`: alerts. `audit-own`,
 * `audit`: history, as-of and proofs of one's own keys, or of all. `members`: members, hosts, archiving. `administer`: users,
 * registries, plans, the installation's audit log.
 */
export const RIGHTS = [
  'see',
  'own-keys',
  'any-keys',
  'acknowledge',
  'configure',
  'audit-own',
  'audit',
  'members',
  'administer',
] as const;
export type Right = (typeof RIGHTS)[number];

export type Rights = ReadonlySet<Right>;

export const NO_RIGHTS: Rights = new Set();
/** Of administrators, in every registry. */
export const ALL_RIGHTS: Rights = new Set(RIGHTS);

const OWNER: Rights = new Set(RIGHTS.filter((right) => right !== 'administer'));
const ADMIN: Rights = new Set([...OWNER].filter((right) => right !== 'members'));

/** The table of API.md. */
const RIGHTS_OF: Readonly<Record<Role, Rights>> = {
  owner: OWNER,
  admin: ADMIN,
  developer: new Set<Right>(['see', 'own-keys', 'acknowledge', 'audit-own']),
  auditor: new Set<Right>(['see', 'audit-own', 'audit']),
  viewer: new Set<Right>(['see']),
};

export function rightsOf(role: Role): Rights {
  return RIGHTS_OF[role];
}

export function intersection(one: Rights, other: Rights): Rights {
  return new Set([...one].filter((right) => other.has(right)));
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
