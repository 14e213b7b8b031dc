import { Injectable } from '@nestjs/common';
import { IdentityModel } from '#libs/identity';
import type { Caller } from '../http/caller.js';
import { Problem } from '../http/problems.js';
import type { Standing } from '../http/standing.js';
import { Sessions } from './sessions.js';
import { UnderLease } from './under-lease.js';

/** Asks memory about access tokens, and Redis about sessions. */
@Injectable()
export class CallerStanding implements Standing {
  constructor(
    private readonly model: IdentityModel,
    private readonly sessions: Sessions,
    private readonly underLease: UnderLease,
  ) {}

  async decide<T>(caller: Caller, decide: () => T): Promise<T> {
    const credential = await this.credential(caller);
    return this.underLease.decide(() => {
      this.requireHolds(caller, credential);
      return decide();
    });
  }

  async require(caller: Caller): Promise<void> {
    this.requireHolds(caller, await this.credential(caller));
  }

  administers({ principal }: Caller): boolean {
    return this.model.administers(principal);
  }

  rights({ principal, userId }: Caller): string {
    const { model } = this;
    const administers = [model.administers(principal), model.isAdministrator(userId)];
    return JSON.stringify([...administers, ...model.rolesOf(userId)]);
  }

  /** The password that opened the session, by its position; undefined with an access token, null once the session is over. */
  private async credential({ session, userId }: Caller): Promise<bigint | null | undefined> {
    if (session === undefined) return undefined;
    // Not `find`: to go on is no use of the session that keeps it from running out.
    const open = await this.sessions.of(userId);
    return open.find(({ id }) => id === session)?.credential ?? null;
  }

  private requireHolds({ principal, userId }: Caller, credential: bigint | null | undefined): void {
    const holds =
      credential === undefined
        ? this.model.stillHolds(principal, Date.now())
        : credential !== null && this.model.bySession(userId, credential) !== undefined;
    if (!holds) throw new Problem('not-authenticated', 'The session or access token has ended.');
  }
}
