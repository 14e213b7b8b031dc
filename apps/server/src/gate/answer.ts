import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  addPrefix,
  parseCredentials,
  parseRegistryRequest,
  queryWithoutMount,
  type AccessModel,
  type Action,
  type Credentials,
  type Decision,
  type RegistryRequest,
  type RequestRefusal,
  type Verdict,
} from '#libs/access';
import type { ClientAddresses } from './client-address.js';
import { networkOf } from './client-network.js';
import type { FailureLimit } from './failure-limit.js';
import type { Forwarder } from './forward.js';
import type { GateLog, GateMetrics, GateUsage, UsedKey } from './gate.js';
import { HEADERS_MAX } from './limits.js';
import {
  API_VERSION,
  API_VERSION_HEADER,
  invalidRequest,
  NOT_READY,
  refusalFor,
  sendRefusal,
  TOO_MANY_HEADERS,
  tooManyFailures,
  UNKNOWN_HOST,
  type Refusal,
} from './refusals.js';
import type { UnderWay } from './under-way.js';

/** How a request ended at the gate: the label of the decisions counted. */
export type Outcome = Verdict | 'not_ready' | 'unknown_host' | 'invalid_request' | 'throttled';

/** What answering needs; owned by the gate. */
export interface AnswerContext {
  readonly access: AccessModel;
  readonly forwarder: Forwarder;
  readonly clients: ClientAddresses;
  readonly failures: FailureLimit;
  readonly underWay: UnderWay;
  readonly ready: () => true | string;
  readonly waitReady: (() => Promise<unknown>) | undefined;
  readonly servesReads: ((withinMs: number) => boolean) | undefined;
  readonly now: () => number;
  /** A clock in ms that never goes back. */
  readonly steadyNow: () => number;
  readonly log: GateLog;
  readonly metrics: GateMetrics | undefined;
  readonly usage: GateUsage | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on what is passed on: the client's address, canonical (client-address.ts). */
    clientAddress: string;
    /** By which scheme the client came, to the gate or to a trusted proxy in front of it. */
    clientScheme: 'http' | 'https';
  }
}

type Asked = RegistryRequest | RequestRefusal;

/** What a request that is none asks for: nothing that a key in force may not have. It is refused for another reason. */
const LOGIN = { action: 'login', repository: undefined } as const;
const READS: ReadonlySet<Action> = new Set(['login', 'pull', 'catalog']);
const TWO_HEADERS: Credentials = { kind: 'malformed' };
const BASE_BODY = '{}';
const BASE_HEADERS = {
  [API_VERSION_HEADER]: API_VERSION,
  'content-type': 'application/json; charset=utf-8',
  'content-length': String(BASE_BODY.length),
};

/**
 * Answers one request of the registry API, or passes it on. The decision is taken synchronously, in the same turn of the event
 * loop in which readiness was asked and in which the request leaves for the registry: whatever was applied to the model before
 * counts. A gate that is not ready, but may be in a moment, holds the request until then. `url` is the request target as it
 * came in.
 */
export function answer(
  context: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  url: string,
): void {
  if (request.raw.rawHeaders.length > 2 * HEADERS_MAX) {
    return refuse(context, request, reply, 'invalid_request', undefined, TOO_MANY_HEADERS);
  }
  decide(context, request, reply, parseRegistryRequest(request.method, url), false);
}

/** Decides when the gate is ready again; at the latest when the waiting ends. */
async function hold(
  context: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: Asked,
): Promise<void> {
  context.underWay.add(request, reply);
  try {
    await context.waitReady!();
  } catch (error) {
    context.log.warn({ error: String(error) }, 'waiting for readiness failed');
  }
  if (!reply.sent && !reply.raw.destroyed) decide(context, request, reply, asked, true);
}

/** From the question for readiness on, all happens in one turn. Nothing is told while the gate is not ready, not even a 404. */
function decide(
  context: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: Asked,
  wasHeld: boolean,
): void {
  const { access, clients } = context;
  const { raw } = request;
  const once = onceOnly(raw);
  const registry = once.host ? access.registryOfHost(raw.headers.host) : undefined;
  const reason = context.ready();
  if (reason !== true && !isServedAllTheSame(context, registry, asked)) {
    if (context.waitReady !== undefined && !wasHeld) {
      // To Fastify's error handler, as what is thrown in the turn of the request.
      return void hold(context, request, reply, asked).catch((error: Error) => reply.send(error));
    }
    return refuse(context, request, reply, 'not_ready', undefined, NOT_READY, { reason });
  }
  if (registry === undefined) return refuse(context, request, reply, 'unknown_host', undefined, UNKNOWN_HOST);
  const credentials = once.authorization ? parseCredentials(raw.headers.authorization) : TWO_HEADERS;
  const address = clients.addressOf(raw);
  const wanted = asked.kind === 'refused' ? LOGIN : asked;
  const decision = access.authorize(credentials, registry, wanted, address, context.now());
  if (decision.verdict !== 'allowed') {
    context.usage?.denied(decision, registry, credentials, wanted, raw, address);
  }
  const { action, repository } = wanted;
  if (!decision.proven) return refuseStranger(context, request, reply, decision, action, address);
  const about = { registry, key: decision.keyId };
  if (decision.verdict !== 'allowed') {
    const refusal = refusalFor(decision, { action, repository, address });
    return refuse(context, request, reply, decision.verdict, action, refusal, about);
  }
  if (asked.kind === 'refused') {
    return refuse(context, request, reply, 'invalid_request', undefined, invalidRequest(asked), about);
  }
  if (asked.kind === 'base') {
    context.metrics?.decided('allowed', action);
    context.usage?.accepted(about, wanted, raw, address);
    return sendBase(reply);
  }
  request.clientAddress = address;
  request.clientScheme = clients.isSecure(raw) ? 'https' : 'http';
  passOn(context, request, reply, asked, about);
}

/** Whether the registry wants this read to go on though the gate cannot ask whether it still knows everything. */
function isServedAllTheSame(
  { access, servesReads }: AnswerContext,
  registry: string | undefined,
  asked: Asked,
): boolean {
  if (servesReads === undefined || registry === undefined || asked.kind === 'refused') return false;
  const withinMs = READS.has(asked.action) ? access.serveReadsForOf(registry) : 0;
  return withinMs > 0 && servesReads(withinMs);
}

function passOn(
  context: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: RegistryRequest,
  about: UsedKey,
): void {
  const { access, forwarder } = context;
  const { registry, key } = about;
  const reaches = (repository: string): boolean => access.reaches(key, repository);
  const own = access.upstreamOf(registry);
  const upstream = own === undefined ? undefined : new URL(own);
  const prefix = access.repositoryPrefixOf(registry);
  if (asked.kind === 'catalog') {
    letThrough(context, request, reply, asked, about);
    return forwarder.catalog(request, reply, { asked, prefix, upstream, reaches });
  }
  const target = addPrefix(mountOnlyFrom(reaches, asked), prefix);
  if ('kind' in target) {
    return refuse(context, request, reply, 'invalid_request', undefined, invalidRequest(target), about);
  }
  letThrough(context, request, reply, asked, about);
  forwarder.forward(request, reply, { asked, target, upstream });
}

function letThrough(
  { metrics, underWay, usage }: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: RegistryRequest,
  about: UsedKey,
): void {
  metrics?.decided('allowed', asked.action);
  usage?.accepted(about, asked, request.raw, request.clientAddress);
  underWay.add(request, reply, usage?.follow(about, asked, request.raw, reply.raw));
}

/**
 * Without the mount where the key does not reach the repository that it copies from. The registry then asks for an upload, as
 * it may at any mount; a refusal would make some clients give up the push.
 */
function mountOnlyFrom(reaches: (repository: string) => boolean, asked: RegistryRequest): RegistryRequest {
  return asked.mountFrom === undefined || reaches(asked.mountFrom)
    ? asked
    : { ...asked, query: queryWithoutMount(asked.query), mountFrom: undefined };
}

/**
 * Only who proved no secret comes here, so no good key ever waits for the failures of its network. A request without
 * credentials is no failure: every `docker login` begins with one.
 */
function refuseStranger(
  context: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  decision: Decision,
  action: Action,
  address: string,
): void {
  const { verdict } = decision;
  const isFailure = verdict !== 'no_credentials';
  const waitMs = isFailure ? context.failures.take(networkOf(address), context.steadyNow()) : 0;
  if (waitMs > 0) return refuse(context, request, reply, 'throttled', action, tooManyFailures(waitMs));
  refuse(context, request, reply, verdict, action, refusalFor(decision, { action, address }));
}

function refuse(
  { metrics, log }: AnswerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  outcome: Outcome,
  action: Action | undefined,
  refusal: Refusal,
  about?: object,
): void {
  metrics?.decided(outcome, action);
  log.debug({ outcome, action, ...about }, 'request refused');
  sendRefusal(request.raw, reply, refusal);
}

/** `GET /v2/` says that the key is good; it needs no registry behind the gate. */
function sendBase(reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(200, BASE_HEADERS).end(BASE_BODY);
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
