import { Injectable } from '@nestjs/common';
import { EventLog, type CommandContext } from '#libs/event-store';
import { keys, missingKey, proveRevocation, type KeyRevocationProven } from '#libs/keys';
import { mintUuid, now } from '#libs/platform';
import { Membership } from './membership.js';

/** A key that is revoked, whoever did it. */
export interface RevokedKey {
  /** `reg_…` */
  readonly registry: string;
  /** `drk_…` */
  readonly id: string;
  /** The registry's policy as it is now. */
  readonly serveReadsFor: string | null;
}

export interface Proof {
  readonly proof: KeyRevocationProven['data'];
  /** Commit position of the newest event of the key: a reader that has applied it knows of the proof. */
  readonly position: bigint;
}

/**
 * Stands between KeyRevoked and "revoked". Whoever wants to say so, on any node and whoever revoked, waits until no gate
 * accepts the key any more, and the first one records what proved it.
 */
@Injectable()
export class ProveRevocation {
  constructor(
    private readonly log: EventLog,
    private readonly membership: Membership,
  ) {}

  /** Waits, and records. `position`: of KeyRevoked, where the caller has just appended it; else it is looked up. */
  async of(key: RevokedKey, context: CommandContext, position?: bigint): Promise<Proof> {
    return this.record(key, position ?? (await this.positionOf(key.id)), position, context);
  }

  /** As `of`, for several keys that were revoked at or before `upTo`: they share one wait. */
  async ofAll(
    revoked: readonly { readonly key: RevokedKey; readonly position: bigint }[],
    upTo: bigint,
    context: CommandContext,
  ): Promise<Proof[]> {
    return Promise.all(revoked.map(({ key, position }) => this.record(key, position, upTo, context)));
  }

  /** `waitFor`: a position at or after that of KeyRevoked. Callers of one position share one wait. */
  private async record(
    { registry, id, serveReadsFor }: RevokedKey,
    revokedAt: bigint,
    waitFor: bigint | undefined,
    context: CommandContext,
  ): Promise<Proof> {
    const { members, durationMs, complete } = await this.membership.narrowed(waitFor ?? revokedAt);
    const position = revokedAt.toString();
    const proof = { at: now(), registry, position, members, durationMs, complete, serveReadsFor };
    // A command of its own: its event ids must not depend on whether the same call revoked the key.
    const own = { ...context, commandId: mintUuid() };
    const { state, position: newest } = await this.log.transact(keys, id, proveRevocation(proof), own);
    return { proof: (state.status === 'none' ? undefined : state.proven) ?? proof, position: newest };
  }

  /** Where KeyRevoked stands. It has been read, so it is in the log: the wait may begin now. */
  private async positionOf(id: string): Promise<bigint> {
    const { events } = await this.log.read(keys, id);
    const revoked = events.find(({ type }) => type === 'KeyRevoked');
    if (!revoked) throw missingKey();
    return revoked.position;
  }
}
