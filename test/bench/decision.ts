/**
 * What a decision costs with 1,000,000 keys in memory, of which every fifth is restricted: bytes a key, and nanoseconds for
 * look-up and verdict, with and without the SHA-256 of the secret and the parsing of the header, for keys without and with
 * restrictions. Run from dist with `node --expose-gc`.
 */
import { createHash } from 'node:crypto';
import {
  AccessModel,
  authorize,
  authorizeHash,
  parseCredentials,
  type Asked,
  type Credentials,
  type KeyCredentials,
} from '#libs/access';
import { BASE62, formatKey, hashSecret } from '#libs/kernel';

const KEYS = 1_000_000;
const REGISTRIES = 1000;
/** Every so many keys one is restricted. */
const RESTRICTED_EVERY = 5;
/** Different restrictions that those keys have. */
const RESTRICTION_SETS = 5000;
/** Enough that the rows asked for do not stay in the processor's cache. */
const SAMPLES = 200_000;
const ROUNDS = 7;
const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const NANOSECONDS_PER_MICROSECOND = 1000;

/** 16 base62 characters and a secret of 43, both different for each number and the same in every run. */
function keyOf(number: number): { id: string; secret: string } {
  const digest = createHash('sha512').update(`bench-${number}`).digest();
  const characters = [...digest].map((byte) => BASE62[byte % 62]).join('');
  return { id: `drk_${characters.slice(0, 16)}`, secret: characters.slice(16, 59) };
}

function memory(): number {
  if (typeof globalThis.gc !== 'function') throw new Error('run with --expose-gc');
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function setOf(number: number): number {
  return (number / RESTRICTED_EVERY) % RESTRICTION_SETS;
}

/** For each set of restrictions a request that it lets through. */
const PUSHES = Array.from({ length: RESTRICTION_SETS }, (_, set): Asked => {
  return { action: 'push', repository: `team-${set}/api` };
});

/** Two patterns and three networks; the requests here are in the last of each. */
function restrictionsOf(number: number): { repositories: string[]; networks: string[] } {
  if (number % RESTRICTED_EVERY !== 0) return { repositories: [], networks: [] };
  const set = setOf(number);
  return {
    repositories: [`base-${set}`, `team-${set}/*`],
    networks: [`10.${set >> 8}.${set & 255}.0/24`, '192.0.2.0/24', '203.0.113.0/24'],
  };
}

function fill(model: AccessModel): void {
  for (let number = 0; number < KEYS; number++) {
    const { id, secret } = keyOf(number);
    model.loadKey({
      id,
      registry: `reg_${String(number % REGISTRIES).padStart(16, '0')}`,
      permission: 'read-write',
      secretHash: hashSecret(secret),
      expiresAt: NOW + 86_400_000,
      ...restrictionsOf(number),
      state: 'active',
      revokedAt: null,
    });
  }
}

/** The middle of ROUNDS rounds, in nanoseconds of CPU time a call; `work` answers whether it went as it should. */
function measure(label: string, work: (sample: number) => boolean): void {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    let good = 0;
    for (let sample = 0; sample < SAMPLES; sample++) if (work(sample)) good++;
    const { user, system } = process.cpuUsage(start);
    rounds.push(((user + system) * NANOSECONDS_PER_MICROSECOND) / SAMPLES);
    if (good !== SAMPLES) throw new Error(`${label}: ${SAMPLES - good} of ${SAMPLES} came out wrong`);
  }
  rounds.sort((a, b) => a - b);
  console.log(`${label}: ${Math.round(rounds[ROUNDS >> 1]!)} ns`);
}

const model = new AccessModel({ registryDomain: 'registry.example' });
const before = memory();
fill(model);
const bytes = memory() - before;
console.log(`keys: ${model.grants.size}, different restrictions: ${model.grants.restrictionSets}`);
console.log(
  `memory: ${(bytes / KEYS).toFixed(1)} bytes a key (typed arrays ${(model.grants.byteLength / KEYS).toFixed(1)})`,
);

/** Measures with keys that are restricted or not; `address` is one that they may be used from. */
function measureWith(label: string, chosen: (sample: number) => number, address: string): void {
  const numbers = Array.from({ length: SAMPLES }, (_, sample) => chosen(sample));
  const keys = numbers.map(keyOf);
  const registries = numbers.map((number) => `reg_${String(number % REGISTRIES).padStart(16, '0')}`);
  const headers = keys.map(
    ({ id, secret }) => `Basic ${Buffer.from(`${id}:${formatKey(id, secret)}`).toString('base64')}`,
  );
  const credentials = headers.map(parseCredentials) as KeyCredentials[];
  const hashes = keys.map(({ secret }) => Buffer.from(hashSecret(secret), 'hex'));
  const asked = numbers.map((number) => PUSHES[number % RESTRICTED_EVERY === 0 ? setOf(number) : 0]!);
  const { grants } = model;
  measure(`${label}: look-up + verdict`, (at) => {
    const { id } = keys[at]!;
    const decision = authorizeHash(grants, id, hashes[at]!, registries[at]!, asked[at]!, address, NOW);
    return decision.verdict === 'allowed';
  });
  measure(`${label}: SHA-256 + look-up + verdict`, (at) => {
    const decision = authorize(grants, credentials[at]!, registries[at]!, asked[at]!, address, NOW);
    return decision.verdict === 'allowed';
  });
  measure(`${label}: Authorization header to decision`, (at) => {
    const read = parseCredentials(headers[at]);
    return authorize(grants, read, registries[at]!, asked[at]!, address, NOW).verdict === 'allowed';
  });
}

/** Spreads the samples over all numbers that leave `rest` when they are divided by RESTRICTED_EVERY. */
const spread = (rest: number) => (sample: number) =>
  (((sample * 7919) % (KEYS / RESTRICTED_EVERY)) * RESTRICTED_EVERY + rest) % KEYS;

measureWith('unrestricted', spread(1), '203.0.113.7');
measureWith('restricted, IPv4', spread(0), '203.0.113.7');
measureWith('restricted, IPv4 over IPv6', spread(0), '::ffff:203.0.113.7');

const strangers: Credentials[] = Array.from({ length: SAMPLES }, (_, sample) => {
  const { id, secret } = keyOf(spread(1)(sample));
  return { kind: 'key', id: `${id.slice(0, 19)}${id.endsWith('a') ? 'b' : 'a'}`, secret };
});
const LOGIN: Asked = { action: 'login', repository: undefined };
measure('SHA-256 + look-up of an unknown id', (sample) => {
  const decision = authorize(model.grants, strangers[sample]!, 'reg_a', LOGIN, undefined, NOW);
  return decision.verdict === 'unknown';
});
