import { METHODS, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import type { AccessModel, Action, Asked, Credentials, Decision } from '#libs/access';
import { answer, type Outcome } from './answer.js';
import { Certificate, type TlsFiles } from './certificate.js';
import { ClientAddresses } from './client-address.js';
import { drain } from './drain.js';
import { FailureLimit } from './failure-limit.js';
import { createForwarder } from './forward.js';
import { GATE_LIMITS, type GateLimits } from './limits.js';
import { Listener } from './listener.js';
import { clientError, INTERNAL, NO_SUCH_PATH, sendRefusal } from './refusals.js';
import { UnderWay } from './under-way.js';

/** Transfers under way when `close` is called may finish within this; then they are cut. */
const DRAIN_DEFAULT_MS = 5_000;
const FORGET_ENDED_EVERY_MS = 3_600_000;

const REGISTRY_ROUTE = '/v2/';
/** Paths that Fastify may route by itself (`/livez`, `/.well-known/…`): plain ones outside the registry API. */
const OTHER_PATH = /^\/(?!v2(?:[/?]|$))(?:[\w.-]+(?:\/[\w.-]+)*\/?)?(?:\?|$)/;
/** Errors of the HTTP parser and its timeouts; all others (of TLS, of the network) leave no one to answer to. */
const HTTP_ERROR = /^(HPE_|ERR_HTTP_)/;

/** What the gate says about itself; it names no user, no credentials and no query. */
export interface GateLog {
  debug(object: object, message: string): void;
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
  error(object: object, message: string): void;
}

export interface GateMetrics {
  /** Counts one decision. `action` is undefined where the request was refused before it was understood. */
  decided(outcome: Outcome, action: Action | undefined): void;
}

/** A key that the gate let in, and where. */
export interface UsedKey {
  readonly registry: string;
  readonly key: string;
}

/** Counts what keys are used for (count-usage.ts). It is told beside the request, and neither waits nor throws. */
export interface GateUsage {
  accepted(used: UsedKey, asked: Asked, request: IncomingMessage, address: string): void;
  /** Begins to count the bytes of a request that was let through; what it answers is called when the request has ended. */
  follow(used: UsedKey, asked: Asked, request: IncomingMessage, response: ServerResponse): () => void;
  /** `registry` is the one that the host names; the decision is none that allows. */
  denied(
    decision: Decision,
    registry: string,
    credentials: Credentials,
    asked: Asked,
    request: IncomingMessage,
    address: string,
  ): void;
}

export interface GateOptions {
  readonly host: string;
  /** 0 = a free port. */
  readonly port: number;
  readonly access: AccessModel;
  /** The registry behind the gate, without path; undefined: only `/v2/` answers, and registries with one of their own. */
  readonly upstream: URL | undefined;
  /** true, or why requests cannot be decided now. Asked at every request. */
  readonly ready: () => true | string;
  /** Waits, within bounds, for `ready` to be true; what it rejects with is logged. Without it requests are refused at once. */
  readonly waitReady?: () => Promise<unknown>;
  /** Whether reads may go on though `ready` says no, for a registry that wants them to for so many ms. Default: never. */
  readonly servesReads?: (withinMs: number) => boolean;
  /** The clock, in ms since the epoch. */
  readonly now: () => number;
  /** A clock in ms that never goes back; default: the process's. */
  readonly steadyNow?: () => number;
  readonly log: GateLog;
  readonly metrics?: GateMetrics;
  readonly usage?: GateUsage;
  /** Mounts further routes (`/livez`, `/metrics`). */
  readonly operations?: (fastify: FastifyInstance) => void;
  /** The gate speaks TLS with these. */
  readonly tls?: TlsFiles;
  /** Networks of the proxies whose `X-Forwarded-For`, `X-Forwarded-Proto` and PROXY protocol header count; default: none. */
  readonly trustedProxies?: readonly string[];
  /** Every connection comes from a trusted proxy and begins with a PROXY protocol header of version 2. */
  readonly proxyProtocol?: boolean;
  /** How long transfers under way may go on after `close`, in ms; default 5,000. */
  readonly drainMs?: number;
  readonly limits?: Partial<GateLimits>;
}

export interface Gate {
  /** The IP address listened on. */
  readonly address: string;
  readonly port: number;
  /** Accepts nothing more, lets what was accepted finish for up to `drainMs`, then cuts it (see drain.ts). */
  close(): Promise<void>;
}

/**
 * Starts the data plane. Rejects when the port cannot be listened on (`EADDRINUSE`), when the upstream is unusable, and with
 * `UnusableCertificate`.
 */
export async function startGate(options: GateOptions): Promise<Gate> {
  const { access, drainMs = DRAIN_DEFAULT_MS, log, now, tls } = options;
  const certificate = tls && (await Certificate.open(tls, log));
  const clients = new ClientAddresses(options.trustedProxies ?? []);
  const underWay = new UnderWay();
  const listener = new Listener({
    clients,
    certificate,
    proxyProtocol: options.proxyProtocol ?? false,
    limits: { ...GATE_LIMITS, ...options.limits },
    log,
    onClientError: (error, connection) => refuseClientError(error, connection, underWay),
  });
  const fastify = createServer(listener, log);
  const forwarder = createForwarder(options.upstream, log);
  const context = {
    access, forwarder, clients, underWay, log, now,
    failures: new FailureLimit(),
    ready: options.ready,
    waitReady: options.waitReady,
    servesReads: options.servesReads,
    steadyNow: options.steadyNow ?? (() => performance.now()),
    metrics: options.metrics,
    usage: options.usage,
  }; // prettier-ignore
  fastify.decorateRequest('clientAddress', '');
  fastify.decorateRequest('clientScheme', 'http');
  fastify.route({
    method: fastify.supportedMethods,
    url: REGISTRY_ROUTE,
    // Before Fastify looks at the body: it has no say in content types and never reads one.
    onRequest: (request, reply) => answer(context, request, reply, request.originalUrl),
    handler: () => {
      throw new Error('every request of the registry API is answered by the onRequest hook');
    },
  });
  options.operations?.(fastify);
  try {
    await fastify.listen({ host: options.host, port: options.port });
  } catch (error) {
    await forwarder.close();
    throw error;
  }
  listener.followCertificate();
  const forgetting = setInterval(() => access.forgetEnded(now()), FORGET_ENDED_EVERY_MS).unref();
  const { address, port } = fastify.server.address() as AddressInfo;
  return {
    address,
    port,
    async close() {
      clearInterval(forgetting);
      certificate?.close();
      await drain({ closeServers: () => fastify.close(), listener, underWay, drainMs });
      await forwarder.close();
    },
  };
}

function createServer(listener: Listener, log: GateLog): FastifyInstance {
  const fastify: FastifyInstance = Fastify({
    logger: false,
    serverFactory: (handler) => listener.open(handler),
    return503OnClosing: false,
    exposeHeadRoutes: true,
    rewriteUrl: routeOf,
  });
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method);
  }
  fastify.setNotFoundHandler((request, reply) => sendRefusal(request.raw, reply, NO_SUCH_PATH));
  fastify.setErrorHandler((error: Error, request, reply) => {
    log.error({ error: error.message }, 'the gate failed at a request');
    sendRefusal(request.raw, reply, INTERNAL);
  });
  return fastify;
}

/** Fastify's router decodes and cleans paths; what is not plainly another route goes to ours, which reads the raw target. */
function routeOf({ url }: { url?: string | undefined }): string {
  return url !== REGISTRY_ROUTE && OTHER_PATH.test(url!) ? url! : REGISTRY_ROUTE;
}

/** Answers what was no HTTP request: Node has parsed nothing that Fastify could route. */
function refuseClientError(error: Error & { code?: string }, connection: Socket, underWay: UnderWay): void {
  const isHttp = HTTP_ERROR.test(error.code ?? '');
  if (isHttp && connection.writable && !underWay.isAnswering(connection)) {
    connection.write(clientError(error.code));
  }
  connection.destroy();
}
