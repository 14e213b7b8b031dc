import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  addPrefix,
  parseCredentials,
  parseRegistryRequest,
  type AccessModel,
  type Action,
  type Credentials,
  type Decision,
  type Verdict,
} from '#libs/access';
import type { Forwarder } from './forward.js';
import type { GateLog, GateMetrics } from './gate.js';
import {
  API_VERSION,
  API_VERSION_HEADER,
  invalidRequest,
  NO_UPSTREAM,
  NOT_READY,
  refusalFor,
  sendRefusal,
  UNKNOWN_HOST,
  type Refusal,
} from './refusals.js';

/** How a request ended at the gate: the label of the decisions counted. */
export type Outcome = Verdict | 'not_ready' | 'unknown_host' | 'invalid_request';

/** What answering needs; owned by the gate. */
export interface AnswerContext {
  readonly access: AccessModel;
  readonly forwarder: Forwarder | undefined;
  readonly ready: () => true | string;
  readonly now: () => number;
  readonly log: GateLog;
  readonly metrics: GateMetrics | undefined;
}

/**
 * Answers one request of the registry API, or passes it on. The decision is taken here, synchronously, in the same turn of
 * the event loop in which the request leaves for the registry: whatever was applied to the model before the request began
 * counts. `url` is the request target as it came in.
 */
export function answer(
  context: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  url: string,
): void {
  const { access, now, metrics, log } = context;
  const refuse = (outcome: Outcome, action: Action | undefined, refusal: Refusal, about: object = {}) => {
    metrics?.decided(outcome, action);
    log.debug({ outcome, action, ...about }, 'request refused');
    sendRefusal(request.raw, reply, refusal);
  };
  const reason = context.ready();
  if (reason !== true) return refuse('not_ready', undefined, NOT_READY, { reason });
  const once = onceOnly(request.raw);
  const registry = once.host ? access.registryOfHost(request.headers.host) : undefined;
  if (registry === undefined) return refuse('unknown_host', undefined, UNKNOWN_HOST);
  const credentials = once.authorization ? parseCredentials(request.headers.authorization) : TWO_HEADERS;
  const asked = parseRegistryRequest(request.method, url);
  const action = asked.kind === 'refused' ? 'login' : asked.action;
  const decision = access.authorize(credentials, registry, action, now());
  if (decision.verdict !== 'allowed') {
    return refuse(decision.verdict, action, refusalFor(decision, action), { registry, key: keyOf(decision) });
  }
  if (asked.kind === 'refused')
    return refuse('invalid_request', undefined, invalidRequest(asked), { registry });
  if (asked.kind === 'base') {
    metrics?.decided('allowed', action);
    return sendBase(reply);
  }
  if (context.forwarder === undefined) return refuse('invalid_request', action, NO_UPSTREAM, { registry });
  const target = addPrefix(asked, access.repositoryPrefixOf(registry));
  if ('kind' in target) return refuse('invalid_request', undefined, invalidRequest(target), { registry });
  metrics?.decided('allowed', action);
  context.forwarder.forward(request, reply, { asked, target });
}

const TWO_HEADERS: Credentials = { kind: 'malformed' };

/** `GET /v2/` says that the key is good; it needs no registry behind the gate. */
function sendBase(reply: FastifyReply): void {
  reply
    .header(API_VERSION_HEADER, API_VERSION)
    .header('content-type', 'application/json; charset=utf-8')
    .send('{}');
}

/** Node silently keeps the first of two such headers; a proxy or registry might have meant the second. */
function onceOnly({ rawHeaders }: IncomingMessage): { host: boolean; authorization: boolean } {
  let hosts = 0;
  let authorizations = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') authorizations++;
  }
  return { host: hosts === 1, authorization: authorizations <= 1 };
}

function keyOf(decision: Decision): string | undefined {
  return decision.proven ? decision.keyId : undefined;
}
