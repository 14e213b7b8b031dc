import { Injectable } from '@nestjs/common';
import type { BarrierOutcome } from '#libs/lease';
import { ReadModels } from '#libs/read-models';
import { Membership } from '../../membership/membership.js';
import { READ_MODEL_WAIT_MS } from './written.js';

/**
 * Stands between what narrows access (a key revoked or restricted, a host removed, a policy tightened) and its answer.
 * Whoever is told that it is so has waited here, also a caller whose own call changed nothing.
 */
@Injectable()
export class Narrowed {
  constructor(
    private readonly membership: Membership,
    private readonly readModels: ReadModels,
  ) {}

  /**
   * Resolves once no request that starts from now on, at any gate, is decided by what held before `position` (a commit
   * position): after milliseconds, or with a gate that does not answer, when its lease is over.
   */
  async apply(position: bigint): Promise<BarrierOutcome> {
    const outcome = await this.membership.narrowed(position);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return outcome;
  }
}
