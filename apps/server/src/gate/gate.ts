import { METHODS, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import type { AccessModel, Action } from '#libs/access';
import { answer, type Outcome } from './answer.js';
import { createForwarder, UPSTREAM_TIMEOUT_MS } from './forward.js';
import { clientError, INTERNAL, NO_SUCH_PATH, sendRefusal } from './refusals.js';

/** A client that needs longer for its request line and headers is stalling. */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longer than the 60 s for which common proxies keep idle connections, so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
/** A connection without a byte in either direction; longer than the registry may take to answer a commit. */
const IDLE_TIMEOUT_MS = UPSTREAM_TIMEOUT_MS + 30_000;
/** `close` lets transfers under way finish for this long, then cuts them; the program has 10 s to end. */
const DRAIN_MS = 5_000;
const REAP_IDLE_EVERY_MS = 100;
const FORGET_ENDED_EVERY_MS = 3_600_000;

const REGISTRY_ROUTE = '/v2/';
/** Paths that Fastify may route by itself (`/livez`, `/.well-known/…`): plain ones outside the registry API. */
const OTHER_PATH = /^\/(?!v2(?:[/?]|$))(?:[\w.-]+(?:\/[\w.-]+)*\/?)?(?:\?|$)/;

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

export interface GateOptions {
  readonly host: string;
  /** 0 = a free port. */
  readonly port: number;
  readonly access: AccessModel;
  /** The registry behind the gate, without path; undefined: only `/v2/` answers. */
  readonly upstream: URL | undefined;
  /** true, or why requests cannot be decided now. Asked at every request. */
  readonly ready: () => true | string;
  /** The clock, in ms since the epoch. */
  readonly now: () => number;
  readonly log: GateLog;
  readonly metrics?: GateMetrics;
  /** Mounts further routes (`/livez`, `/metrics`). */
  readonly operations?: (fastify: FastifyInstance) => void;
}

export interface Gate {
  /** The IP address listened on. */
  readonly address: string;
  readonly port: number;
  /** Accepts nothing more, lets transfers finish for up to DRAIN_MS, then cuts them. */
  close(): Promise<void>;
}

/** Starts the data plane. Rejects when the port cannot be listened on (`EADDRINUSE`) or the upstream is unusable. */
export async function startGate(options: GateOptions): Promise<Gate> {
  let closing = false;
  const { access, log, now, metrics, upstream } = options;
  const fastify = createServer(log);
  const forwarder = upstream && createForwarder(fastify, upstream, log);
  const ready = () => (closing ? 'the gate is shutting down' : options.ready());
  const context = { access, forwarder, ready, now, log, metrics };
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
    await forwarder?.close();
    throw error;
  }
  const forgetting = setInterval(() => access.forgetEnded(now()), FORGET_ENDED_EVERY_MS).unref();
  const { address, port } = fastify.server.address() as AddressInfo;
  return {
    address,
    port,
    async close() {
      closing = true;
      clearInterval(forgetting);
      await drain(fastify);
      await forwarder?.close();
    },
  };
}

function createServer(log: GateLog): FastifyInstance {
  const fastify: FastifyInstance = Fastify({
    logger: false,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    // An upload may take hours; a stalled one ends by IDLE_TIMEOUT_MS.
    requestTimeout: 0,
    connectionTimeout: IDLE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    return503OnClosing: false,
    exposeHeadRoutes: true,
    rewriteUrl: routeOf,
    clientErrorHandler: (error, socket) => refuseClientError(error, socket),
  });
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method);
  }
  fastify.setNotFoundHandler((request, reply) => sendRefusal(request.raw, reply, NO_SUCH_PATH));
  fastify.setErrorHandler((error: Error, request, reply) => {
    log.error({ error: error.message }, 'the gate failed at a request');
    sendRefusal(request.raw, reply, INTERNAL);
  });
  // Without this, Node invites the body before the decision.
  fastify.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    fastify.server.emit('request', request, response);
  });
  return fastify;
}

/** Fastify's router decodes and cleans paths; what is not plainly another route goes to ours, which reads the raw target. */
function routeOf({ url }: { url?: string | undefined }): string {
  return url !== REGISTRY_ROUTE && OTHER_PATH.test(url!) ? url! : REGISTRY_ROUTE;
}

/** Answers what was no HTTP request: Node has parsed nothing that Fastify could route. */
function refuseClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(clientError(error.code));
  socket.destroy();
}

async function drain(fastify: FastifyInstance): Promise<void> {
  // A connection that becomes idle after the listening stopped is closed by no one else.
  const reap = setInterval(() => fastify.server.closeIdleConnections(), REAP_IDLE_EVERY_MS);
  const cut = setTimeout(() => fastify.server.closeAllConnections(), DRAIN_MS);
  await fastify.close();
  clearInterval(reap);
  clearTimeout(cut);
}
