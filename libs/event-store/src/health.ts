import { errorKind } from './errors.js';

/** How one part of the way to the store is: in order, or failing since a moment (RFC 3339), with the kind of the last error. */
export type PartHealth =
  { readonly ok: true } | { readonly ok: false; readonly since: string; readonly error: string };

/** The parts fail apart: the client appends and reads over connections of their own, and subscriptions do not resume. */
export interface EventLogHealth {
  readonly append: PartHealth;
  readonly read: PartHealth;
  /** Of several subscriptions, the one that has been away longest. */
  readonly subscription: PartHealth;
}

/** One part's health, kept by whoever makes its calls. It starts in order. */
export class HealthRecord {
  private failing: { readonly since: string; readonly error: string } | undefined;

  /** The store answered. A conflict or a missing stream is an answer too. */
  answered(): void {
    this.failing = undefined;
  }

  failed(error: unknown): void {
    this.failing = { since: this.failing?.since ?? new Date().toISOString(), error: errorKind(error) };
  }

  get health(): PartHealth {
    return this.failing ? { ok: false, ...this.failing } : { ok: true };
  }
}

/** The part that has been failing longest, or in order when all are. */
export function worst(parts: readonly PartHealth[]): PartHealth {
  return parts.reduce<PartHealth>(
    (one, other) => (other.ok || (!one.ok && one.since <= other.since) ? one : other),
    { ok: true },
  );
}
