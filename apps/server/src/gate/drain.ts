import type { Listener } from './listener.js';
import { CUT_SHORT } from './refusals.js';
import type { UnderWay } from './under-way.js';

/** A connection that becomes idle after the listening stopped is closed by no one else. */
const CLOSE_IDLE_EVERY_MS = 100;
/** Whoever is refused at last gets this long to read why. */
const LAST_WORDS_MS = 500;

export interface Draining {
  /** Stops listening; resolves when the last connection has ended. */
  readonly closeServers: () => PromiseLike<unknown>;
  readonly listener: Listener;
  readonly underWay: UnderWay;
  readonly drainMs: number;
}

/**
 * Ends the gate: nothing new is accepted, and every answer says `Connection: close`, so that its client goes elsewhere for the
 * next. Requests that were accepted are finished, one that comes on an open connection is still answered. After `drainMs` what
 * has no answer gets 503, what has a part of one is cut, and within half a second every connection has ended.
 */
export async function drain({ closeServers, listener, underWay, drainMs }: Draining): Promise<void> {
  underWay.end();
  const closed = closeServers();
  listener.closeIdle();
  const closingIdle = setInterval(() => listener.closeIdle(), CLOSE_IDLE_EVERY_MS);
  let last: NodeJS.Timeout | undefined;
  const cut = setTimeout(() => {
    underWay.cut(CUT_SHORT);
    last = setTimeout(() => listener.cut(), LAST_WORDS_MS);
  }, drainMs);
  try {
    await closed;
  } finally {
    clearInterval(closingIdle);
    clearTimeout(cut);
    clearTimeout(last);
  }
}
