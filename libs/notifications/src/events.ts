/** What a channel can be told of, by the types of the facts that say so. */
const EVENT_OF = {
  KeyGenerated: 'key.generated',
  KeyRevoked: 'key.revoked',
  KeyExpired: 'key.expired',
  KeySuspended: 'key.suspended',
  KeyRotated: 'key.rotated',
  KeyExpiryReminded: 'key.expiry-reminded',
  KeyRotationReminded: 'key.rotation-reminded',
  RotationFailed: 'key.rotation-failed',
  KeyRotationLapsed: 'key.rotation-lapsed',
  KeyLeakReported: 'key.leak-reported',
  AlertRaised: 'alert.raised',
  AlertResolved: 'alert.resolved',
  AlertsDigested: 'alert.digest',
} as const;

export type EventName = (typeof EVENT_OF)[keyof typeof EVENT_OF];

/** Told to whoever is told of the other: nobody subscribes to it. */
const TOLD_WITH: Readonly<Partial<Record<EventName, EventName>>> = {
  'alert.digest': 'alert.raised',
  'key.rotation-lapsed': 'key.rotation-failed',
};

/** What a channel can be subscribed to. */
export const EVENT_NAMES: readonly EventName[] = Object.values(EVENT_OF).filter(
  (name) => TOLD_WITH[name] === undefined,
);

/** What a channel has to be subscribed to in order to be told. */
export function subscriptionOf(event: EventName): EventName {
  return TOLD_WITH[event] ?? event;
}

/** What a channel is told of that does not say what. */
export const DEFAULT_EVENTS: readonly EventName[] = [
  'key.expiry-reminded',
  'key.rotation-reminded',
  'key.rotation-failed',
  'key.leak-reported',
  'alert.raised',
  'alert.resolved',
];

/** What the test button sends; nobody subscribes to it. */
export const TEST_EVENT = 'channel.test';

/** The name of what a fact of this type tells channels; undefined when it tells them nothing. */
export function eventOf(type: string): EventName | undefined {
  return Object.hasOwn(EVENT_OF, type) ? EVENT_OF[type as keyof typeof EVENT_OF] : undefined;
}
