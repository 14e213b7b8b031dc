import { parseDuration, Refusal } from '#libs/kernel';
import { namePatternProblem } from './name-pattern.js';

/** What is done when a key is reported as leaked with its true secret, beside telling the channels of the registry. */
export const LEAK_ACTIONS = ['notify', 'suspend', 'revoke'] as const;
export type LeakAction = (typeof LEAK_ACTIONS)[number];

/** What the owners of a registry lay down for it. A fact carries the whole of it. Durations are ISO 8601 (W, D, H, M, S). */
export interface RegistryPolicy {
  /** No key lives longer, from its birth to its expiry; null: as long as it likes. */
  readonly maxLifetime: string | null;
  /** Whether every key needs an expiry. */
  readonly requireExpiry: boolean;
  /** After this a key should be replaced; null: never. */
  readonly rotationPeriod: string | null;
  /** So long before an expiry or the date of a rotation people are reminded of it, the longest first. */
  readonly reminders: readonly string[];
  /** Networks (CIDR) from which the registry's keys are accepted, each beside its own ones; empty = all. */
  readonly allowedNetworks: readonly string[];
  /** What the name of a key must match: see name-pattern.ts; null: anything. */
  readonly namePattern: string | null;
  /** Keys that have not ended. Soft: concurrent calls may go beyond it. null: any number. */
  readonly maxKeys: number | null;
  /** IANA name: in it times are told to people. No time that is kept depends on it. */
  readonly timeZone: string;
  /** What a proven leak of a key leads to. */
  readonly onLeak: LeakAction;
  /** How long reads may go on at a gate that hears nothing from the event store: at most PT15M; null: not at all. */
  readonly serveReadsFor: string | null;
}

/** The policy of a registry for which none was laid down, and what a policy says where it is silent. */
export const DEFAULT_POLICY: RegistryPolicy = {
  maxLifetime: null,
  requireExpiry: false,
  rotationPeriod: 'P90D',
  reminders: ['P30D', 'P14D', 'P7D', 'P1D'],
  allowedNetworks: [],
  namePattern: null,
  maxKeys: null,
  timeZone: 'UTC',
  onLeak: 'notify',
  serveReadsFor: null,
};

/** What is different in another policy, by field. */
export type PolicyChanges = Readonly<
  Partial<Record<keyof RegistryPolicy, { readonly from: unknown; readonly to: unknown }>>
>;

/** For so long a revoked key may go on reading at a gate that hears of nothing: what an owner can accept, not more. */
const SERVE_READS_FOR_MAX_MS = 15 * 60_000;
/** An IANA name; an offset such as +01:00 is none. */
const TIME_ZONE = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;

/** What leads from one policy to another. Steps and networks are compared as lists. */
export function policyChanges(before: RegistryPolicy, after: RegistryPolicy): PolicyChanges {
  const names = Object.keys(DEFAULT_POLICY) as (keyof RegistryPolicy)[];
  return Object.fromEntries(
    names
      .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
      .map((name) => [name, { from: before[name], to: after[name] }]),
  );
}

/** Version 1 had `serveReadsFor` alone, and did not say what it was before. */
export function policyOfVersion1(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { serveReadsFor } = data['policy'] as { serveReadsFor: unknown };
  return {
    ...data,
    policy: {
      maxLifetime: null,
      requireExpiry: false,
      rotationPeriod: 'P90D',
      reminders: ['P30D', 'P14D', 'P7D', 'P1D'],
      allowedNetworks: [],
      namePattern: null,
      maxKeys: null,
      timeZone: 'UTC',
      onLeak: 'notify',
      serveReadsFor,
    },
    changes: {},
  };
}

/** Throws Refusal `invalid-value` for what is well-formed and means nothing. Also for whoever only asks what it would do. */
export function refuseImpossible(policy: RegistryPolicy): void {
  const { serveReadsFor, reminders, namePattern, timeZone } = policy;
  if (serveReadsFor !== null && !((parseDuration(serveReadsFor) ?? Infinity) <= SERVE_READS_FOR_MAX_MS)) {
    throw impossible('serveReadsFor', 'serveReadsFor is at most PT15M');
  }
  const steps = reminders.map((step) => parseDuration(step));
  if (!steps.every((step) => step !== undefined && step > 0)) {
    throw impossible('reminders', 'a reminder comes some time before, such as P7D');
  }
  if (new Set(steps).size < steps.length)
    throw impossible('reminders', 'two reminders come at the same time');
  const problem = namePattern === null ? undefined : namePatternProblem(namePattern);
  if (problem !== undefined) throw impossible('namePattern', `the pattern cannot be read: ${problem}`);
  if (!isTimeZone(timeZone))
    throw impossible('timeZone', 'a time zone is an IANA name, such as Europe/Berlin');
}

function impossible(field: keyof RegistryPolicy, detail: string): Refusal {
  return new Refusal('invalid-value', detail, { field: `/${field}` });
}

function isTimeZone(name: string): boolean {
  try {
    return TIME_ZONE.test(name) && Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}
