/**
 * What a decision costs with 1,000,000 keys in memory: bytes a key, and nanoseconds for look-up and verdict, with and without
 * the SHA-256 of the secret and the parsing of the header. Run from dist with `node --expose-gc`.
 */
import { createHash } from 'node:crypto';
import {
  AccessModel,
  authorize,
  authorizeHash,
  parseCredentials,
  type Credentials,
  type KeyCredentials,
} from '#libs/access';
import { BASE62, formatKey, hashSecret } from '#libs/kernel';

const KEYS = 1_000_000;
const REGISTRIES = 1000;
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

function fill(model: AccessModel): void {
  for (let number = 0; number < KEYS; number++) {
    const { id, secret } = keyOf(number);
    model.loadKey({
      id,
      registry: `reg_${String(number % REGISTRIES).padStart(16, '0')}`,
      permission: 'read-write',
      secretHash: hashSecret(secret),
      expiresAt: NOW + 86_400_000,
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

const before = memory();
const model = new AccessModel({ registryDomain: 'registry.example' });
fill(model);
const bytes = memory() - before;
console.log(`keys: ${model.grants.size}`);
console.log(
  `memory: ${(bytes / KEYS).toFixed(1)} bytes a key (typed arrays ${(model.grants.byteLength / KEYS).toFixed(1)})`,
);

const numbers = Array.from({ length: SAMPLES }, (_, sample) => (sample * 7919) % KEYS);
const keys = numbers.map(keyOf);
const registries = numbers.map((number) => `reg_${String(number % REGISTRIES).padStart(16, '0')}`);
const headers = keys.map(
  ({ id, secret }) => `Basic ${Buffer.from(`${id}:${formatKey(id, secret)}`).toString('base64')}`,
);
const credentials = headers.map(parseCredentials) as KeyCredentials[];
const hashes = keys.map(({ secret }) => Buffer.from(hashSecret(secret), 'hex'));
const unknown: Credentials[] = keys.map(({ id, secret }) => ({
  kind: 'key',
  id: `${id.slice(0, 19)}${id.endsWith('a') ? 'b' : 'a'}`,
  secret,
}));

measure('look-up + verdict', (sample) => {
  const { id } = keys[sample]!;
  return (
    authorizeHash(model.grants, id, hashes[sample]!, registries[sample]!, 'push', NOW).verdict === 'allowed'
  );
});
measure('SHA-256 + look-up + verdict', (sample) => {
  const decision = authorize(model.grants, credentials[sample]!, registries[sample]!, 'push', NOW);
  return decision.verdict === 'allowed';
});
measure('SHA-256 + look-up of an unknown id', (sample) => {
  return authorize(model.grants, unknown[sample]!, registries[sample]!, 'push', NOW).verdict === 'unknown';
});
measure('Authorization header to decision', (sample) => {
  const read = parseCredentials(headers[sample]);
  return authorize(model.grants, read, registries[sample]!, 'push', NOW).verdict === 'allowed';
});
