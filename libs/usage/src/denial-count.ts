import type { DenialReason, KeyUseDenied, Place, UsageAction } from './facts.js';

/** A request that the gate refused. */
export interface DeniedUse extends Place {
  readonly registry: string;
  /** undefined: none was named, or none of that id exists. Never a text that the caller made up. */
  readonly key: string | undefined;
  readonly reason: DenialReason;
  readonly proven: boolean;
  readonly denied: 'permission' | 'repository' | undefined;
  readonly action: UsageAction;
  readonly repository: string | undefined;
  /** A name of `clientName`. */
  readonly client: string;
  /**
   * `hash32` of what was tried: the key's id where there is no such key, else the secret. Only how many different ones there
   * were is kept. undefined: not known.
   */
  readonly credential: number | undefined;
}

/** Different credentials are counted up to this: more say no more. */
const CREDENTIALS_COUNTED_MAX = 32;

/** Refusals that are alike count as one: not so repository and client, of which the first stands for all. */
export function denialName({
  registry,
  key,
  reason,
  denied,
  action,
  network,
  country,
  asn,
}: DeniedUse): string {
  return `${registry} ${key} ${reason} ${denied} ${action} ${network} ${country} ${asn}`;
}

/** Refusals of one kind in one minute since the last part was written; owned by UsageCounter. */
export class DenialCount {
  #written = 0;
  #fresh = 0;
  #first = 0;
  #last = 0;
  readonly #credentials = new Set<number>();

  constructor(
    private use: DeniedUse,
    /** Start of the minute, ms since the epoch. */
    readonly minute: number,
    private applied: bigint,
  ) {}

  get registry(): string {
    return this.use.registry;
  }

  get proven(): boolean {
    return this.use.proven;
  }

  get written(): number {
    return this.#written;
  }

  get fresh(): number {
    return this.#fresh;
  }

  deny(use: DeniedUse, now: number, applied: bigint): void {
    if (this.#fresh === 0) {
      this.use = use;
      this.applied = applied;
      this.#first = now;
    }
    this.#fresh += 1;
    this.#last = now;
    if (use.credential !== undefined && this.#credentials.size < CREDENTIALS_COUNTED_MAX) {
      this.#credentials.add(use.credential);
    }
  }

  take(at: number): KeyUseDenied {
    const { use } = this;
    const data: KeyUseDenied['data'] = {
      at: new Date(at).toISOString(),
      registry: use.registry,
      key: use.key ?? null,
      reason: use.reason,
      proven: use.proven,
      denied: use.denied ?? null,
      action: use.action,
      repository: use.repository ?? null,
      network: use.network,
      country: use.country,
      asn: use.asn,
      client: use.client,
      count: this.#fresh,
      credentials: Math.max(1, this.#credentials.size),
      first: new Date(this.#first).toISOString(),
      last: new Date(this.#last).toISOString(),
      applied: this.applied.toString(),
    };
    this.#written += this.#fresh;
    this.#fresh = 0;
    this.#credentials.clear();
    return { type: 'KeyUseDenied', data };
  }
}
