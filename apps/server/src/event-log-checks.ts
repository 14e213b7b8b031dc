import type { EventLog, EventLogHealth, PartHealth } from '#libs/event-store';
import type { Check } from './operations.js';

/** A subscription comes back within seconds of the store; after this, what other nodes do is no longer seen here. */
const SUBSCRIPTION_AWAY_MAX_MS = 5_000;

/** What `/readyz` and `/v1/status` say about the log. */
export function eventLogChecks(log: EventLog): Check[] {
  return [
    { name: 'events', required: true, problem: () => log.laterRelease?.message },
    // Not required: gates decide from memory. Management commands fail by themselves while the store is away.
    { name: 'event-store', required: false, problem: () => troubleOf(log.health(), Date.now()) },
  ];
}

/** undefined when all is well. `now` in ms since the epoch. */
export function troubleOf({ append, read, subscription }: EventLogHealth, now: number): string | undefined {
  const away = !subscription.ok && now - Date.parse(subscription.since) > SUBSCRIPTION_AWAY_MAX_MS;
  const troubles = [
    failing('appends', append),
    failing('reads', read),
    away ? failing('the subscription is stale, it', subscription) : undefined,
  ].filter((trouble) => trouble !== undefined);
  return troubles.length === 0 ? undefined : troubles.join('; ');
}

function failing(part: string, health: PartHealth): string | undefined {
  return health.ok ? undefined : `${part} failed first at ${health.since}, last with ${health.error}`;
}
