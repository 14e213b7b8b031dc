import { Injectable } from '@nestjs/common';
import { ReadModels } from '#libs/read-models';
import { Membership } from '../../membership/membership.js';
import { READ_MODEL_WAIT_MS } from './written.js';

/**
 * Stands between what widens access (a key generated or resumed, a host added) and its answer: the first `docker login` should
 * not meet a gate that lacks the key, nor the next list lack it.
 */
@Injectable()
export class Widened {
  constructor(
    private readonly membership: Membership,
    private readonly readModels: ReadModels,
  ) {}

  /** Best effort and never an error: what is appended is true, whoever knows it already. */
  async apply(position: bigint): Promise<void> {
    await Promise.all([
      this.membership.widened(position),
      this.readModels.waitFor(position, READ_MODEL_WAIT_MS),
    ]);
  }
}
