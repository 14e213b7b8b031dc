import type { RecordedUse, RefusedUse, UsageInput, UsagePlace } from '../usage-input.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** A Monday. */
export const MONDAY = Date.parse('2026-01-05T00:00:00.000Z');
export const REGISTRY = 'reg_1';
export const KEY = 'drk_1';

export const HOME = { network: '203.0.113.0/24', country: 'DE', asn: 64500 };
export const FAR = { network: '198.51.100.0/24', country: 'BR', asn: 64999 };

interface Use {
  readonly key?: string;
  readonly pulls?: number;
  readonly pushes?: number;
  readonly deletes?: number;
  readonly place?: Pick<UsagePlace, 'network' | 'country' | 'asn'>;
  readonly client?: string;
  readonly repositories?: readonly string[];
  readonly bytes?: number;
}

/** What a key did in the minute of `time`. */
export function use(
  time: number,
  {
    key = KEY,
    pulls = 0,
    pushes = 0,
    deletes = 0,
    place = HOME,
    client = 'docker',
    repositories = ['team/api'],
    bytes = 0,
  }: Use,
): UsageInput {
  const data: RecordedUse = {
    at: new Date(time).toISOString(),
    registry: REGISTRY,
    key,
    minute: new Date(time - (time % MINUTE)).toISOString(),
    actions: {
      pull: { accepted: pulls, failed: 0 },
      push: { accepted: pushes, failed: 0 },
      delete: { accepted: deletes, failed: 0 },
    },
    bytesUp: bytes,
    bytesDown: 0,
    repositories: repositories.map((name) => ({ name })),
    repositorySet: null,
    places: [{ ...place, pulls, pushes, others: deletes }],
    clients: [{ client }],
  };
  return { type: 'KeyUsageRecorded', data };
}

export function refusal(time: number, more: Partial<RefusedUse>): UsageInput {
  const data: RefusedUse = {
    registry: REGISTRY,
    key: KEY,
    reason: 'revoked',
    proven: true,
    denied: null,
    action: 'pull',
    repository: 'team/api',
    ...HOME,
    client: 'docker',
    count: 1,
    credentials: 1,
    last: new Date(time).toISOString(),
    ...more,
  };
  return { type: 'KeyUseDenied', data };
}

/** A pipeline at home: on work days, from 8 to 17, five builds an hour of three pulls and a push. */
export function habits(days: number, from = MONDAY, key = KEY): UsageInput[] {
  const facts: UsageInput[] = [];
  for (let day = 0; day < days; day += 1) {
    if (day % 7 > 4) continue;
    for (let hour = 8; hour < 17; hour += 1) {
      for (let build = 0; build < 5; build += 1) {
        facts.push(use(from + day * DAY + hour * HOUR + build * 11 * MINUTE, { key, pulls: 3, pushes: 1 }));
      }
    }
  }
  return facts;
}
