import { describe, expect, it } from '@jest/globals';
import { formatKey, hashSecret } from '#libs/kernel';
import { AccessModel } from './access-model.js';
import { parseCredentials } from './credentials.js';

const [ID, REGISTRY] = ['drk_0000000000000001', 'reg_a'];
const SECRET = 'S'.repeat(43);
const time = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

/** A gate that knows one key. */
class Gate {
  readonly model = new AccessModel({ registryDomain: 'registry.example' });
  #position = 0n;

  constructor(expiresAt: string | null = null) {
    const rights = { permission: 'read', expiresAt, repositories: [], networks: ['10.0.0.0/8'] };
    this.happens('KeyGenerated', { registry: REGISTRY, secretHash: hashSecret(SECRET), ...rights });
  }

  happens(type: string, data: object, id = ID): this {
    this.model.apply({ type, id, data: { at: time(0), ...data }, position: ++this.#position });
    return this;
  }

  verdict(minute: number, address = '10.1.2.3'): string {
    const pair = Buffer.from(`${ID}:${formatKey(ID, SECRET)}`).toString('base64');
    const asked = { action: 'login', repository: undefined } as const;
    return this.model.authorize(
      parseCredentials(`Basic ${pair}`),
      REGISTRY,
      asked,
      address,
      Date.parse(time(minute)),
    ).verdict;
  }
}

const rotated = (graceEndsAt: string) => ['KeyRotated', { successor: 'drk_2', graceEndsAt }] as const;

describe('a rotated key at a gate', () => {
  it('is accepted until its grace ends, and revoked from that very moment on', () => {
    const gate = new Gate().happens(...rotated(time(10)));
    expect([gate.verdict(9), gate.verdict(10), gate.verdict(11)]).toEqual(['allowed', 'revoked', 'revoked']);
  });
  it('ends with its expiry when that comes first, and by then at the latest', () => {
    const gate = new Gate(time(5)).happens(...rotated(time(10)));
    expect([gate.verdict(4), gate.verdict(5), gate.verdict(10)]).toEqual(['allowed', 'expired', 'expired']);
    gate.happens('KeyChanged', { changes: { expiresAt: null } });
    expect([gate.verdict(9), gate.verdict(10)]).toEqual(['allowed', 'revoked']);
    gate.happens('KeyChanged', { changes: { expiresAt: time(8) } });
    expect([gate.verdict(7), gate.verdict(8)]).toEqual(['allowed', 'expired']);
  });
  it('keeps its first grace, also when it is suspended and resumed', () => {
    const gate = new Gate()
      .happens(...rotated(time(10)))
      .happens(...rotated(time(20)))
      .happens('KeySuspended', {});
    expect([gate.verdict(9), gate.verdict(10)]).toEqual(['suspended', 'revoked']);
    gate.happens('KeyResumed', {});
    expect([gate.verdict(9), gate.verdict(10)]).toEqual(['allowed', 'revoked']);
  });
  it('can be revoked before', () => {
    const gate = new Gate().happens(...rotated(time(10))).happens('KeyRevoked', {});
    expect(gate.verdict(1)).toBe('revoked');
  });
  it('leaves nothing to the key that gets its place in memory', () => {
    const gate = new Gate().happens(...rotated(time(10)));
    expect(gate.model.grants.graces).toBe(1);
    gate.happens('KeyRevoked', {});
    expect(gate.model.grants.graces).toBe(0);
    gate.model.forgetEnded(Date.parse(time(0)) + 91 * 86_400_000);
    const rights = { permission: 'read', expiresAt: null, repositories: [], networks: [] };
    gate.happens('KeyGenerated', { registry: REGISTRY, secretHash: hashSecret(SECRET), ...rights });
    expect(gate.verdict(20)).toBe('allowed');
  });
  it('does not stop at a moment that cannot be read: the gate stops', () => {
    expect(() => new Gate().happens(...rotated('soon'))).toThrow('RFC 3339');
  });
});

describe('the networks that a registry allows', () => {
  const policy = (...allowedNetworks: string[]) =>
    ['RegistryPolicyChanged', { policy: { serveReadsFor: null, allowedNetworks } }, REGISTRY] as const;

  it('hold beside those of the key', () => {
    const gate = new Gate().happens(...policy('10.1.0.0/16', '192.0.2.0/24'));
    expect([gate.verdict(0, '10.1.2.3'), gate.verdict(0, '10.2.2.3'), gate.verdict(0, '192.0.2.1')]).toEqual([
      'allowed', 'network_refused', 'network_refused',
    ]); // prettier-ignore
    gate.happens(...policy());
    expect(gate.verdict(0, '10.2.2.3')).toBe('allowed');
  });
  it('are those of that registry alone, and of a key that is generated later too', () => {
    const gate = new Gate().happens('RegistryPolicyChanged', policy('192.0.2.0/24')[1], 'reg_b');
    expect(gate.verdict(0)).toBe('allowed');
    const first = new AccessModel({ registryDomain: 'registry.example' });
    first.loadRegistry({
      id: REGISTRY, slug: 'a', upstream: undefined, serveReadsForMs: 0, allowedNetworks: ['192.0.2.0/24'],
    }); // prettier-ignore
    const grant = {
      id: ID,
      registry: REGISTRY,
      permission: 'read',
      secretHash: hashSecret(SECRET),
      expiresAt: null,
    } as const;
    first.loadKey({ ...grant, repositories: [], networks: [], state: 'active', revokedAt: null });
    const row = first.grants.find(ID);
    expect([first.grants.admits(row, '10.1.2.3'), first.grants.admits(row, '192.0.2.7')]).toEqual([
      false,
      true,
    ]);
    expect(first.grants.admits(row, undefined)).toBe(false);
  });
});
