import type { Fact, StreamKind } from '#libs/kernel';

/** What a key was used for, by the names that the gate decides on. `catalog` is every listing. */
export const USAGE_ACTIONS = ['login', 'catalog', 'pull', 'push', 'delete'] as const;
export type UsageAction = (typeof USAGE_ACTIONS)[number];

/** `accepted`: let through by the gate. `failed`: of those, answered with an error by the registry behind, or broken off. */
export interface ActionCount {
  readonly accepted: number;
  readonly failed: number;
}

/** Where a request came from. The geography stands in the fact, so that a replay in ten years sees what was seen then. */
export interface Place {
  /** Truncated to /24 or /48; null: not known. */
  readonly network: string | null;
  /** ISO 3166-1 alpha-2; null: not known. */
  readonly country: string | null;
  /** Number of the autonomous system; null: not known. */
  readonly asn: number | null;
}

export interface PlaceCount extends Place {
  readonly pulls: number;
  readonly pushes: number;
  readonly others: number;
}

export interface RepositoryCount {
  readonly name: string;
  readonly pulls: number;
  readonly pushes: number;
  readonly others: number;
}

export interface ClientCount {
  /** One of the names of `clientName`. */
  readonly client: string;
  readonly count: number;
}

/** Accepted requests of this part of the minute whose place, repository or client is in none of the lists. */
export interface Unaccounted {
  readonly places: number;
  readonly repositories: number;
  readonly clients: number;
}

/** The last accepted request of a part. */
export interface LastAccepted extends Place {
  /** RFC 3339. */
  readonly at: string;
  readonly action: UsageAction;
  /** null: none was named, or its name is longer than 100 characters. */
  readonly repository: string | null;
  readonly client: string;
}

/**
 * What one process let one key do in one minute. A minute has several parts: the first within a second of the first use, the
 * others as UsageCounter says; each has only what is new since the one before, and together they are the minute.
 */
export type KeyUsageRecorded = Fact<
  'KeyUsageRecorded',
  {
    /** When it was taken from the counter. */
    readonly at: string;
    readonly registry: string;
    readonly key: string;
    /** The start of the minute. */
    readonly minute: string;
    /** From 0. */
    readonly part: number;
    /** Actions that did not occur are left out. */
    readonly actions: { readonly [Action in UsageAction]?: ActionCount };
    readonly bytesUp: number;
    readonly bytesDown: number;
    /** The busiest first. */
    readonly repositories: readonly RepositoryCount[];
    /** Base64 of the DistinctSet (libs/kernel) of all repositories; null: `repositories` has them all. */
    readonly repositorySet: string | null;
    readonly places: readonly PlaceCount[];
    readonly clients: readonly ClientCount[];
    readonly unaccounted: Unaccounted;
    /** null: nothing was accepted in this part, requests only ended. */
    readonly last: LastAccepted | null;
    /** Position of the log, decimal, that the gate had applied when it accepted the first of them. */
    readonly applied: string;
  }
>;

/** Why a request was refused: the gate's verdicts (libs/access) but `allowed`, and `no_credentials`, which is the start of every login. */
export type DenialReason =
  | 'malformed'
  | 'not_a_key'
  | 'unknown'
  | 'wrong_secret'
  | 'wrong_registry'
  | 'revoked'
  | 'expired'
  | 'suspended'
  | 'network_refused'
  | 'not_permitted';

/** Refusals of one kind at one process: the same registry, key, reason, action and place. Like KeyUsageRecorded it comes in parts. */
export type KeyUseDenied = Fact<
  'KeyUseDenied',
  {
    readonly at: string;
    readonly registry: string;
    /** null: no key was named, or none of that id exists. */
    readonly key: string | null;
    readonly reason: DenialReason;
    /** Whether the caller had the secret of the key: else anybody who knows its public id may have caused this. */
    readonly proven: boolean;
    /** For `not_permitted`: which right was missing. Else null. */
    readonly denied: 'permission' | 'repository' | null;
    readonly action: UsageAction;
    /** The first that was asked for. */
    readonly repository: string | null;
    readonly network: string | null;
    readonly country: string | null;
    readonly asn: number | null;
    readonly client: string;
    readonly count: number;
    /** How many different key ids or secrets were tried: 1 tells a client with an old secret from somebody who guesses. */
    readonly credentials: number;
    readonly first: string;
    readonly last: string;
    readonly applied: string;
  }
>;

export type UsageFact = KeyUsageRecorded | KeyUseDenied;

/** The sums of a stream. */
export interface UsageStream {
  readonly accepted: number;
  readonly denied: number;
  readonly bytes: number;
}

/** Stream `usage-<registry>.<yyyymmdd>.<incarnation>`: one process writes it, and nobody else. */
export const usage: StreamKind<UsageStream, UsageFact> = {
  category: 'usage',
  initial: { accepted: 0, denied: 0, bytes: 0 },
  evolve: (state, { type, data }) =>
    type === 'KeyUsageRecorded'
      ? {
          ...state,
          accepted: state.accepted + acceptedOf(data.actions),
          bytes: state.bytes + data.bytesUp + data.bytesDown,
        }
      : { ...state, denied: state.denied + data.count },
};

/** How many requests the gate let through. */
export function acceptedOf(actions: KeyUsageRecorded['data']['actions']): number {
  return Object.values(actions).reduce((sum, { accepted }) => sum + accepted, 0);
}

/** The part of the stream's name after `usage-`. `time` is RFC 3339 UTC: the minute of a use, the last time of a denial. */
export function usageStreamId(registry: string, time: string, incarnation: string): string {
  return `${registry}.${time.slice(0, 10).replaceAll('-', '')}.${incarnation}`;
}
