import { parseDuration } from '#libs/kernel';
import { NamePattern } from './name-pattern.js';
import type { RegistryPolicy } from './policy.js';

/** What of a key a policy looks at. Times are RFC 3339 in UTC. */
export interface PolicedKey {
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly networks: readonly string[];
}

/** What of a key is against the policy, and why. */
export interface PolicyFault {
  readonly field: 'name' | 'expiresAt' | 'networks';
  readonly why: string;
}

/** Looks through keys by one policy. `includes` tells whether a network is part of another: libs/access knows. */
export function policyCheck(
  policy: RegistryPolicy,
  includes: (outer: string, inner: string) => boolean,
): (key: PolicedKey) => PolicyFault[] {
  const { allowedNetworks, namePattern } = policy;
  const pattern = namePattern === null ? undefined : new NamePattern(namePattern);
  return ({ name, createdAt, expiresAt, networks }) => {
    const faults: PolicyFault[] = [];
    const lifetime = lifetimeFault(policy, createdAt, expiresAt);
    if (lifetime !== undefined) faults.push({ field: 'expiresAt', why: lifetime });
    if (pattern?.matches(name) === false) {
      faults.push({ field: 'name', why: `the name does not match the pattern ${namePattern}` });
    }
    const isWithin = (network: string) => allowedNetworks.some((allowed) => includes(allowed, network));
    const outside = allowedNetworks.length === 0 ? undefined : networks.find((network) => !isWithin(network));
    if (outside !== undefined) {
      faults.push({ field: 'networks', why: `the network ${outside} is outside those of the registry` });
    }
    return faults;
  };
}

/** A greatest lifetime demands an expiry too: a key without one lives longer than any. */
function lifetimeFault(
  { maxLifetime, requireExpiry }: RegistryPolicy,
  createdAt: string,
  expiresAt: string | null,
): string | undefined {
  const most = maxLifetime === null ? undefined : parseDuration(maxLifetime);
  if (expiresAt === null) {
    if (most !== undefined)
      return `a key of this registry expires, at the latest ${maxLifetime} after it was generated`;
    return requireExpiry ? 'a key of this registry expires' : undefined;
  }
  const isLonger = most !== undefined && Date.parse(expiresAt) - Date.parse(createdAt) > most;
  return isLonger ? `a key of this registry lives at most ${maxLifetime}` : undefined;
}
