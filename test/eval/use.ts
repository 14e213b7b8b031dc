import { addDistinct, DISTINCT_SET_BYTES } from '#libs/kernel';
import type { KeyUsageRecorded, KeyUseDenied, Place, UsageFact } from '#libs/usage';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
/** As the counter of libs/usage. */
const REPOSITORIES_LISTED = 8;
const BYTES_PER_REQUEST = 6 * 2 ** 20;

/** What a key does in one minute from one place, with one program. */
export interface Use {
  readonly registry: string;
  readonly key: string;
  readonly time: number;
  readonly place: Place;
  readonly client: string;
  readonly repositories: readonly string[];
  readonly pulls: number;
  readonly pushes: number;
  readonly deletes?: number;
  /** Mean size of a request as a multiple of the usual. */
  readonly size?: number;
}

export interface TimedFact {
  /** When it was written, and when the first request of it came. */
  readonly time: number;
  readonly requested: number;
  readonly fact: UsageFact;
}

const NONE = { places: 0, repositories: 0, clients: 0 };

/** A small use is written at once, as the first of its minute; the rest when the minute is over. */
export function recorded(use: Use): TimedFact {
  const { registry, key, time, place, client, pulls, pushes, deletes = 0, size = 1 } = use;
  const minute = time - (time % MINUTE_MS);
  const requests = pulls + pushes + deletes;
  const written = requests <= 1 ? time + 500 : Math.min(minute + MINUTE_MS, time + 500 * requests);
  const share = (count: number) => (count === 0 ? undefined : { accepted: count, failed: 0 });
  const actions = { pull: share(pulls), push: share(pushes), delete: share(deletes) };
  const data: KeyUsageRecorded['data'] = {
    at: new Date(written).toISOString(),
    registry,
    key,
    minute: new Date(minute).toISOString(),
    part: 0,
    actions: actions as KeyUsageRecorded['data']['actions'],
    bytesUp: pushes * BYTES_PER_REQUEST * size,
    bytesDown: pulls * BYTES_PER_REQUEST * size,
    repositories: use.repositories
      .slice(0, REPOSITORIES_LISTED)
      .map((name) => ({ name, pulls: 1, pushes: 0, others: 0 })),
    repositorySet: use.repositories.length > REPOSITORIES_LISTED ? setOf(use.repositories) : null,
    places: [{ ...place, pulls, pushes, others: deletes }],
    clients: [{ client, count: requests }],
    unaccounted: NONE,
    last: null,
    applied: '1',
  };
  return { time: written, requested: time, fact: { type: 'KeyUsageRecorded', data } };
}

export type Refusal = Pick<KeyUseDenied['data'], 'registry' | 'key' | 'reason' | 'proven'> & {
  readonly time: number;
  readonly place: Place;
  readonly client: string;
  readonly count: number;
  readonly credentials?: number;
  readonly action?: KeyUseDenied['data']['action'];
  readonly denied?: KeyUseDenied['data']['denied'];
  readonly repository?: string;
};

export function refused(refusal: Refusal): TimedFact {
  const { registry, key, reason, proven, time, place, client, count } = refusal;
  const at = new Date(time).toISOString();
  const data: KeyUseDenied['data'] = {
    at: new Date(time + 500).toISOString(),
    registry,
    key,
    reason,
    proven,
    denied: refusal.denied ?? null,
    action: refusal.action ?? 'pull',
    repository: refusal.repository ?? null,
    network: place.network,
    country: place.country,
    asn: place.asn,
    client,
    count,
    credentials: refusal.credentials ?? 1,
    first: at,
    last: at,
    applied: '1',
  };
  return { time: time + 500, requested: time, fact: { type: 'KeyUseDenied', data } };
}

function setOf(names: readonly string[]): string {
  const set = new Uint8Array(DISTINCT_SET_BYTES);
  for (const name of names) addDistinct(set, name);
  return Buffer.from(set).toString('base64');
}
