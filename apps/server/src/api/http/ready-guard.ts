import { Injectable, type CanActivate } from '@nestjs/common';
import { EventLog } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { ReadModels } from '#libs/read-models';

/**
 * Answers nothing from a read model that has not caught up with the log, as what is missing in it would look deleted; and
 * nothing once the log holds a fact that this release must not do without.
 */
@Injectable()
export class ReadyGuard implements CanActivate {
  constructor(
    private readonly readModels: ReadModels,
    private readonly log: EventLog,
  ) {}

  canActivate(): boolean {
    if (this.log.laterRelease) throw this.log.laterRelease;
    if (!this.readModels.isCaughtUp)
      throw new Refusal('unavailable', 'the server is starting; repeat the request');
    return true;
  }
}
