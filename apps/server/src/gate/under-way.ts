import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendRefusal, type Refusal } from './refusals.js';

/** The requests that were accepted and are not answered to the end: those that wait for the registry behind, or for readiness. */
export class UnderWay {
  readonly #requests = new Map<FastifyReply, { readonly request: FastifyRequest; ended?: () => void }>();
  #ending = false;

  /** The request leaves the list by itself, with its answer or its connection; `ended` is called then. */
  add(request: FastifyRequest, reply: FastifyReply, ended?: () => void): void {
    const known = this.#requests.get(reply);
    if (known && ended) known.ended = ended;
    if (known) return;
    const entry = { request, ...(ended && { ended }) };
    this.#requests.set(reply, entry);
    reply.raw.once('close', () => {
      this.#requests.delete(reply);
      entry.ended?.();
    });
    if (this.#ending) endsConnection(request, reply);
  }

  /** Whether a part of an answer is out on this connection, and the rest is not. */
  isAnswering(connection: Duplex): boolean {
    for (const { raw } of this.#requests.keys()) {
      if (raw.socket === connection && raw.headersSent) return true;
    }
    return false;
  }

  /** From now on every answer is the last one of its connection, and says so. */
  end(): void {
    this.#ending = true;
    for (const [reply, { request }] of this.#requests) endsConnection(request, reply);
  }

  /** Refuses what has no answer yet, and cuts what has a part of one: there is no other way to say that the rest is missing. */
  cut(refusal: Refusal): void {
    for (const [reply, { request }] of this.#requests) {
      if (reply.raw.headersSent) reply.raw.destroy();
      else sendRefusal(request.raw, reply, refusal);
    }
  }
}

/**
 * `Connection: close` on the answer, unless it overtakes the request's body: Node would then close at once, and the reset can
 * destroy the answer before the client has read it (RFC 9112, section 9.6).
 */
function endsConnection({ raw: request }: FastifyRequest, { raw: response }: FastifyReply): void {
  if (request.complete) setClose();
  else request.once('end', setClose);

  function setClose(): void {
    if (!response.headersSent) response.setHeader('connection', 'close');
  }
}
