import { randomUUID } from 'node:crypto';
import type { CommittedEvent } from './log-writer.js';
import { CAUGHT_UP, encodeConfirmation } from './responses.js';
import type { CallEnd } from './responses.js';
import { endOfError } from './rpc.js';
import type { Call } from './rpc.js';

/** Frames of live events are joined up to this size; then the client's window is looked at again. */
const WRITE_BYTES = 64 * 1024;

/** What a subscription reads from: its place in the log, moved only behind what was sent. */
export interface Cursor {
  /** The next frames from storage; undefined = the cursor is at the head. */
  nextPage(): readonly Buffer[] | undefined;
  /** The frames for one event that was just committed, while the cursor is at the head. */
  accept(event: CommittedEvent): readonly Buffer[];
  /** At the head: false = the client is not told yet (the stream does not exist). */
  readonly isCaughtUp: boolean;
  /** What ends the subscription, once it has happened. */
  readonly end: CallEnd | undefined;
}

/**
 * Sends what lies behind a cursor. At the head it is handed each commit. When the client does not keep up, nothing is
 * kept for it and it is not cut off: it pages through storage from its cursor when it can take more.
 */
export class Subscription {
  private live = false;
  private toldCaughtUp = false;

  constructor(
    private readonly call: Call,
    private readonly cursor: Cursor,
  ) {}

  start(): void {
    this.call.send([encodeConfirmation(randomUUID())]);
    this.pump();
  }

  /** Called after each commit with all of its events, in order. */
  deliver(events: readonly CommittedEvent[]): void {
    if (!this.live || this.call.closed) return;
    try {
      for (let index = 0; index < events.length && this.live;) index = this.deliverSome(events, index);
      if (this.live) this.atHead();
    } catch (error) {
      this.call.end(endOfError(error));
    }
  }

  private deliverSome(events: readonly CommittedEvent[], from: number): number {
    const frames: Buffer[] = [];
    let index = from;
    for (let bytes = 0; index < events.length && bytes < WRITE_BYTES; index++) {
      for (const frame of this.cursor.accept(events[index]!)) {
        frames.push(frame);
        bytes += frame.length;
      }
    }
    if (frames.length > 0 && !this.call.send(frames)) this.pause();
    return index;
  }

  private pause(): void {
    this.live = false;
    this.call.whenWritable(() => this.pump());
  }

  private pump(): void {
    if (this.call.closed) return;
    try {
      const frames = this.cursor.nextPage();
      if (!frames) {
        this.live = true;
        this.atHead();
      } else if (frames.length === 0 || this.call.send(frames)) setImmediate(() => this.pump());
      else this.pause();
    } catch (error) {
      this.call.end(endOfError(error));
    }
  }

  private atHead(): void {
    if (this.cursor.end) this.call.end(this.cursor.end);
    else if (!this.toldCaughtUp && this.cursor.isCaughtUp) {
      this.toldCaughtUp = true;
      if (!this.call.send([CAUGHT_UP])) this.pause();
    }
  }
}
