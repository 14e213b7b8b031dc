/** What happened: a past-tense type (stored as written here) and its JSON data. `data.at` is RFC 3339 UTC with milliseconds. */
export interface Fact<Type extends string = string, Data extends object = object> {
  readonly type: Type;
  readonly data: Data;
}

/** Who acted: a user, an access token of a user, a registry key, or a job of the system. Ids are pseudonymous. */
export interface Actor {
  readonly type: 'user' | 'access-token' | 'key' | 'system';
  /** `usr_…`, `drm_…`, `drk_…`, or the job's name for `system`. */
  readonly id: string;
}

/** What every event carries beside its data (ARCHITECTURE.md, "Metadata"). */
export interface FactMetadata {
  readonly schemaVersion: number;
  readonly actor: Actor;
  readonly correlationId: string;
  readonly causationId: string;
  /** Truncated source network (/24 or /48), never a full address. */
  readonly network?: string;
  /** Set on every fact that narrows access. */
  readonly critical?: true;
  /** SHA-256 (hex) of the request body that an `Idempotency-Key` covered. */
  readonly bodyHash?: string;
}

/** A fact as the log returns it. */
export interface RecordedFact<F extends Fact = Fact> {
  readonly type: F['type'];
  readonly data: F['data'];
  readonly metadata: FactMetadata;
  /** Full stream name, `<category>-<id>`. */
  readonly stream: string;
  /** The part of the stream name before the first `-`. */
  readonly category: string;
  /** The part of the stream name after the first `-`. */
  readonly id: string;
  /** Place in the stream, from 0. */
  readonly revision: bigint;
  /** Commit position in the whole log; rises strictly, not contiguous. */
  readonly position: bigint;
  readonly eventId: string;
}
