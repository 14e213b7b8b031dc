import { Injectable } from '@nestjs/common';
import { EventLog, type CommandContext } from '#libs/event-store';
import { users } from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { now } from '#libs/platform';
import { emails, release, releaseAbandoned, reserveToUse } from '#libs/registries';

/**
 * Keeps e-mail addresses unique, each by the stream of its index: an address is taken before the user's own event, and freed
 * after the erasure. A command that died in between leaves an address without a user: whoever asks for it a minute later
 * frees it first.
 */
@Injectable()
export class ReserveEmail {
  constructor(private readonly log: EventLog) {}

  /** Throws Refusal `email-taken`. */
  async take(index: string, user: string, context: CommandContext): Promise<void> {
    const decision = reserveToUse(user, now(), 'email-taken');
    try {
      await this.log.create(emails, index, decision, context);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      await this.freeAbandoned(index, context);
      await this.log.transact(emails, index, decision, context);
    }
  }

  async free(index: string, user: string, context: CommandContext): Promise<void> {
    await this.log.transact(emails, index, release(user, now()), context);
  }

  /** The user who has the address: whoever holds it, registered by now or not. */
  async holderOf(index: string): Promise<string | undefined> {
    return (await this.log.read(emails, index)).state.by;
  }

  private async freeAbandoned(index: string, context: CommandContext): Promise<void> {
    const holder = await this.holderOf(index);
    if (holder === undefined) return;
    const { status } = (await this.log.read(users, holder)).state;
    if (status !== 'none' && status !== 'erased') return;
    await this.log.transact(emails, index, releaseAbandoned(holder, now()), context);
  }
}
