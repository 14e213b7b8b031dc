import type { Caller } from './caller.js';

/**
 * Whether a caller who was let in may still go on, for routes whose answer takes longer than a moment. Answered by the slice that
 * knows sessions and access tokens; injected by `STANDING`.
 */
export interface Standing {
  /**
   * Calls `decide` in the same synchronous step in which the caller's session or access token is found to hold. Throws 401
   * `not-authenticated` once it has ended, and 503 while this node may not decide.
   */
  decide<T>(caller: Caller, decide: () => T): Promise<T>;

  /** Throws 401 once the session or token has ended, as far as this node knows. Asks for no lease: an idle node stays idle. */
  require(caller: Caller): Promise<void>;

  /** Whether the caller administers the installation, as of now. */
  administers(caller: Caller): boolean;

  /** Text that changes whenever the caller's rights do. */
  rights(caller: Caller): string;
}

export const STANDING = Symbol('standing');
