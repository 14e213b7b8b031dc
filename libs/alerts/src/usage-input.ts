/** What the rules read of the facts of `usage-…` streams (libs/usage): a pure library imports none but the kernel, so it says here what it needs. */
export interface UsagePlace {
  readonly network: string | null;
  readonly country: string | null;
  readonly asn: number | null;
  readonly pulls: number;
  readonly pushes: number;
  readonly others: number;
}

/** A part of what one key did in one minute. Times are RFC 3339 in UTC. */
export interface RecordedUse {
  readonly at: string;
  readonly registry: string;
  readonly key: string;
  readonly minute: string;
  readonly actions: Readonly<
    Record<string, { readonly accepted: number; readonly failed: number } | undefined>
  >;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly repositories: readonly { readonly name: string }[];
  readonly repositorySet: string | null;
  readonly places: readonly UsagePlace[];
  readonly clients: readonly { readonly client: string }[];
}

/** Refusals of one kind. */
export interface RefusedUse {
  readonly registry: string;
  readonly key: string | null;
  readonly reason: string;
  readonly proven: boolean;
  readonly denied: 'permission' | 'repository' | null;
  readonly action: string;
  readonly repository: string | null;
  readonly network: string | null;
  readonly country: string | null;
  readonly asn: number | null;
  readonly client: string;
  readonly count: number;
  /** How many different key ids or secrets were tried. */
  readonly credentials: number;
  readonly last: string;
}

export type UsageInput =
  | { readonly type: 'KeyUsageRecorded'; readonly data: RecordedUse }
  | { readonly type: 'KeyUseDenied'; readonly data: RefusedUse };
