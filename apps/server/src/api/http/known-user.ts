import { Injectable } from '@nestjs/common';
import { EventLog } from '#libs/event-store';
import { users } from '#libs/identity';
import { Refusal } from '#libs/kernel';

/** Stands before a user is given a role. */
@Injectable()
export class KnownUser {
  constructor(private readonly log: EventLog) {}

  /**
   * `user`: `usr_…`; `field`: JSON pointer of where it came from. Asks the log: another node may have registered the user just
   * now. Throws Refusal `invalid-value` for one who never was or is erased.
   */
  async require(user: string, field: string): Promise<void> {
    const { status } = (await this.log.read(users, user)).state;
    if (status === 'none' || status === 'erased')
      throw new Refusal('invalid-value', 'there is no such user', { field });
  }
}
