import { setTimeout as pause } from 'node:timers/promises';
import type { Outgoing } from '#libs/outgoing';
import type { RotationTarget } from '../../rotation-target.js';
import { DeliveryFailed, type NewSecret } from './delivery.js';
import { toAws } from './to-aws.js';
import { toFile } from './to-file.js';
import { toGithub } from './to-github.js';
import { toVault } from './to-vault.js';
import { toWebhook } from './to-webhook.js';

/** After the first and second attempt. Longer pauses are between jobs: a successor that waits is a key that nobody uses. */
const PAUSES_MS = [500, 2_000];
/**
 * No attempt begins later than this after the successor's birth: one takes at most 3 requests of 4 s, and the link has to
 * follow within 30 s (LINKED_WITHIN_MS).
 */
const BEGIN_WITHIN_MS = 15_000;
/** Of one request. */
export const REQUEST_TIMEOUT_MS = 4_000;

/** Delivers new secrets to their targets. */
export class DeliverSecret {
  constructor(
    private readonly requests: Outgoing,
    /** ROTATION_FILES_DIR */
    private readonly filesDir: string | undefined,
    private readonly pausesMs: readonly number[] = PAUSES_MS,
  ) {}

  /**
   * How the target calls what it has now; null: it has no name for it. `age` tells milliseconds since the successor's birth.
   * Throws DeliveryFailed after the last attempt.
   */
  async to(target: RotationTarget, secret: NewSecret, age: () => number): Promise<string | null> {
    for (let attempt = 0; ; attempt++) {
      try {
        if (age() > BEGIN_WITHIN_MS) throw new DeliveryFailed('there was no time left to deliver it', true);
        return await this.once(target, secret);
      } catch (error) {
        if (!(error instanceof DeliveryFailed)) throw error;
        const wait = this.pausesMs[attempt];
        if (error.isFinal || wait === undefined || age() + wait > BEGIN_WITHIN_MS) throw error;
        await pause(wait);
      }
    }
  }

  /** Whatever else goes wrong is a failure of this delivery too. Its text may hold what opens the target: its name cannot. */
  private async once(target: RotationTarget, secret: NewSecret): Promise<string | null> {
    try {
      return await this.send(target, secret);
    } catch (error) {
      if (error instanceof DeliveryFailed) throw error;
      const { name } = error as Error;
      throw new DeliveryFailed(`the request could not be made (${name})`, true, { cause: error });
    }
  }

  private send(target: RotationTarget, secret: NewSecret): Promise<string | null> {
    if (target.kind === 'webhook') return toWebhook(this.requests, target, secret);
    if (target.kind === 'vault') return toVault(this.requests, target, secret);
    if (target.kind === 'aws-secrets-manager') return toAws(this.requests, target, secret);
    if (target.kind === 'github-actions') return toGithub(this.requests, target, secret);
    return toFile(this.filesDir, target, secret);
  }
}
