import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';

/**
 * The request's body as a stream of its own, one buffer deep. Whoever reads it owns it, and destroys it when the client goes
 * away (the abort signal of forward.ts) or when the registry answers early. Then the rest of the body is dropped: destroying
 * the request itself would cut the connection before the client has read the answer.
 */
export function relayBody(request: IncomingMessage): Readable {
  const relay = new PassThrough();
  request.pipe(relay);
  relay.once('close', () => {
    request.unpipe(relay);
    request.resume();
  });
  // Whoever reads the relay sees its error; without a listener one that comes after the reading would end the process.
  relay.on('error', () => {});
  return relay;
}
