import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { EventLog } from '#libs/event-store';
import { ReadModels } from '#libs/read-models';
import { Problem } from './problems.js';

/** Carries the `Dockreg-Position` of an earlier answer: the request is to see what that write did. */
const MIN_POSITION_HEADER = 'dockreg-min-position';
/** A node that follows the log is milliseconds behind; one that is this far behind should not keep its callers. */
const WAIT_MS = 3_000;
/** Positions of the store have 63 bits. */
const POSITION = /^\d{1,19}$/;
const POSITION_MAX = 2n ** 63n - 1n;

/**
 * Holds a request back until this node has applied the position that it names. Stands before the guard of callers, because
 * who may do what is decided from the same memory. Whoever has no credentials may make the node wait, but not work: asking
 * the store for its newest position is one call for all who wait.
 */
@Injectable()
export class MinPositionGuard implements CanActivate {
  /** The newest position that the log is known to have had. It never falls. */
  private head = -1n;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly readModels: ReadModels,
    private readonly log: EventLog,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const header = context.switchToHttp().getRequest<FastifyRequest>().headers[MIN_POSITION_HEADER];
    if (header === undefined) return true;
    const position = parse(header);
    if (position <= (this.readModels.position ?? -1n)) return true;
    if (!(await this.isInLog(position)))
      throw new Problem('unknown-position', 'The log has no position as high as Dockreg-Min-Position.');
    if (!(await this.readModels.waitFor(position, WAIT_MS)))
      throw new Problem('position-not-reached', 'This node has not applied Dockreg-Min-Position yet.');
    return true;
  }

  /** Asks twice at most: the first answer may be to a question that was under way before the position was written. */
  private async isInLog(position: bigint): Promise<boolean> {
    for (let asked = 0; asked < 2 && position > this.head; asked++) {
      this.asking ??= this.askHead().finally(() => (this.asking = undefined));
      await this.asking;
    }
    return position <= this.head;
  }

  private async askHead(): Promise<void> {
    const head = (await this.log.head()) ?? -1n;
    if (head > this.head) this.head = head;
  }
}

function parse(header: string | string[]): bigint {
  const position = typeof header === 'string' && POSITION.test(header) ? BigInt(header) : -1n;
  if (position >= 0n && position <= POSITION_MAX) return position;
  throw new Problem('malformed-request', 'Dockreg-Min-Position is the Dockreg-Position of an answer.');
}
