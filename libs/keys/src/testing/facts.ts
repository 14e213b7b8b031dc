import type { KeyFact, KeyGenerated, KeyTraits } from '../key.js';

export const born = '2026-01-01T00:00:00.000Z';
export const expiresAt = '2026-02-01T00:00:00.000Z';
export const later = '2026-03-01T00:00:00.000Z';
export const data: KeyGenerated['data'] = {
  at: born,
  registry: 'reg_a',
  registryRevision: '0',
  createdBy: 'usr_a',
  name: 'CI',
  permission: 'read',
  secretHash: 'ab'.repeat(32),
  expiresAt,
  description: null,
  labels: { team: 'edge', env: 'prod' },
  repositories: ['team/*', 'base'],
  networks: ['10.0.0.0/8'],
  expectedCountries: [],
  rotates: null,
  canary: false,
};
export const registry = 'reg_a';
export const during = '2026-01-10T00:00:00.000Z';
export const generated: KeyFact = { type: 'KeyGenerated', data };
export const revoked: KeyFact = {
  type: 'KeyRevoked',
  data: { at: later, registry: 'reg_a', cause: 'requested', reason: null },
};
export const expired: KeyFact = { type: 'KeyExpired', data: { at: expiresAt, registry: 'reg_a' } };
export const suspended: KeyFact = { type: 'KeySuspended', data: { at: during, registry } };
export const resumed: KeyFact = { type: 'KeyResumed', data: { at: during, registry } };
export const changed = (changes: Partial<KeyTraits>, at = during): KeyFact => ({
  type: 'KeyChanged',
  data: { at, registry, changes },
});
export const proof = {
  at: later,
  registry,
  position: '7',
  members: [{ incarnation: 'inc_a', label: 'gate', appliedAt: later, leaseEndedAt: null }],
  durationMs: 12,
  complete: true,
  serveReadsFor: null,
};
export const proven: KeyFact = { type: 'KeyRevocationProven', data: proof };
/** Keys that take no change, as text, history and the code of the refusal. */
export const endings: [string, KeyFact[], string][] = [
  ['a revoked key', [generated, revoked], 'key-revoked'],
  ['an expired key', [generated, expired], 'key-expired'],
  ['a key that expired and was revoked', [generated, expired, revoked], 'key-revoked'],
  ['a key whose time is over, recorded or not', [generated, changed({ expiresAt: during })], 'key-expired'],
  [
    'a suspended key whose time is over',
    [generated, suspended, changed({ expiresAt: during })],
    'key-expired',
  ],
  ['a key that does not exist', [], 'not-found'],
];
