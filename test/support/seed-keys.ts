import { createHash, randomUUID } from 'node:crypto';
import { RawEvents, type NewRawEvent } from '#libs/event-store';

/** Appends under way at once: the store commits what has come in together. */
const IN_FLIGHT = 256;
/** Every fourth key is revoked, so that a fifth of the events changes a row that is there. */
const REVOKED_EVERY = 4;
const REGISTRIES = 1_000;
/** Every fifth key reaches some repositories from one network alone, each registry's from its own. */
const RESTRICTED_EVERY = 5;
const CREATED_AT = '2026-01-01T00:00:00.000Z';

/** The key of a number: the same in every run. */
export function seededKey(number: number): { id: string; registry: string; isRevoked: boolean } {
  const digest = createHash('sha256').update(`seed-${number}`).digest('hex');
  return {
    id: `drk_${digest.slice(0, 16)}`,
    registry: `reg_${String(number % REGISTRIES).padStart(16, '0')}`,
    isRevoked: number % REVOKED_EVERY === 0,
  };
}

/**
 * Appends `keys` keys, from number `first` on, as the server writes them (a quarter of them revoked), to a thousand registries
 * or to the one given; answers how many events that were.
 */
export async function seedKeys(
  connectionString: string,
  keys: number,
  { first = 0, registry }: { readonly first?: number; readonly registry?: string } = {},
): Promise<number> {
  const log = new RawEvents(connectionString);
  const underWay = new Set<Promise<void>>();
  let events = 0;
  for (let number = first; number < first + keys; number++) {
    const facts = factsOf(number, registry);
    events += facts.length;
    const append = log
      .append(`key-${seededKey(number).id}`, 0n, facts)
      .finally(() => underWay.delete(append));
    underWay.add(append);
    if (underWay.size >= IN_FLIGHT) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  await log.close();
  return events;
}

function factsOf(number: number, only: string | undefined): NewRawEvent[] {
  const { registry: own, isRevoked } = seededKey(number);
  const registry = only ?? own;
  const secretHash = createHash('sha256').update(`secret-${number}`).digest('hex');
  const place = number % REGISTRIES;
  const isRestricted = number % RESTRICTED_EVERY === 0;
  const generated = event('KeyGenerated', {
    at: CREATED_AT, registry, registryRevision: '0', createdBy: 'usr_0000000000000001', name: `Key ${number}`,
    permission: 'read-write', secretHash, expiresAt: null, description: 'builds and publishes the images',
    labels: { team: `team-${number % 50}`, env: 'production' },
    repositories: isRestricted ? [`team-${number % 50}/**`] : [],
    networks: isRestricted ? [`10.${place >> 8}.${place & 255}.0/24`] : [],
    expectedCountries: [],
  }, { schemaVersion: 2 }); // prettier-ignore
  const revoked = event('KeyRevoked', { at: '2026-02-01T00:00:00.000Z', registry }, { critical: true });
  return isRevoked ? [generated, revoked] : [generated];
}

function event(type: string, data: object, more: object = {}): NewRawEvent {
  const metadata = {
    schemaVersion: 1,
    actor: { type: 'user', id: 'usr_0000000000000001' },
    correlationId: randomUUID(),
    causationId: randomUUID(),
    network: '127.0.0.0/24',
    ...more,
  };
  const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  return { id: randomUUID(), type, isJson: true, data: bytes(data), metadata: bytes(metadata) };
}
