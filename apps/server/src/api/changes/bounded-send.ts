import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** A client that has not taken what was sent to it after this is cut off; it goes on where it stood when it comes back. */
const SLOW_MS = 10_000;

/**
 * Writes, and resolves when there is room for more: so one text at most waits in memory for a client. Rejects when the signal
 * ends it first, or nothing is taken within `withinMs`; the client is cut off then.
 */
export async function send(
  client: Writable,
  text: string,
  ended: AbortSignal,
  withinMs = SLOW_MS,
): Promise<void> {
  if (client.write(text) || ended.aborted) return;
  try {
    await once(client, 'drain', { signal: AbortSignal.any([ended, AbortSignal.timeout(withinMs)]) });
  } catch (error) {
    client.destroy();
    throw error;
  }
}
