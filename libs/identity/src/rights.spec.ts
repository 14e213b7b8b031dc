import { describe, expect, it } from '@jest/globals';
import { ALL_RIGHTS, intersection, isRole, RIGHTS, rightsOf, ROLES, type Right } from './rights.js';

/** The table of API.md, written out: whoever changes a right changes this page of text too. */
const TABLE: Readonly<Record<Right, string>> = {
  see: 'owner admin developer auditor viewer',
  'own-keys': 'owner admin developer',
  'any-keys': 'owner admin',
  acknowledge: 'owner admin developer',
  configure: 'owner admin',
  'audit-own': 'owner admin developer auditor',
  audit: 'owner admin auditor',
  members: 'owner',
  administer: '',
};

describe('the rights of a role', () => {
  it.each(RIGHTS)('%s: as in the table of the contract', (right) => {
    expect(ROLES.filter((role) => rightsOf(role).has(right)).join(' ')).toBe(TABLE[right]);
  });

  it('are never more than those of an administrator', () => {
    for (const role of ROLES) expect(intersection(rightsOf(role), ALL_RIGHTS)).toEqual(rightsOf(role));
  });

  it('narrow each other: what both have remains', () => {
    expect([...intersection(rightsOf('developer'), rightsOf('auditor'))].toSorted()).toEqual([
      'audit-own',
      'see',
    ]);
    expect(isRole('owner') && !isRole('root')).toBe(true);
  });
});
