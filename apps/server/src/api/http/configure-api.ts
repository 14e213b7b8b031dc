import type { Socket } from 'node:net';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '#libs/platform';
import { acceptOnlyJson } from './body-parser.js';
import { serveOpenApi } from './openapi.js';
import { ProblemFilter, sendProblem } from './problem-filter.js';
import { Problem, PROBLEMS, problemType, type ProblemCode } from './problems.js';
import { mintRequestId, REQUEST_ID_HEADER } from './request-id.js';
import { RouteMethods } from './route-methods.js';
import { answerUnchanged } from './versions.js';
import { DeclaredInputGuard, InputPipe } from './validation.js';

/** The largest body of the contract (a key with 32 labels and a description) is below 20 kB. */
const BODY_LIMIT_BYTES = 64 * 1024;
/** Paths whose bodies are larger: reports of leaks come in bunches, and whoever looks for keys pastes a whole log. */
const LARGE_BODIES: ReadonlySet<string> = new Set(['/v1/leaks', '/v1/leaks/check']);
const LARGE_BODY_LIMIT_BYTES = 1024 * 1024;
/** A whole request must have arrived within this time; bodies are small, so a slower client is stuck or hostile. */
const REQUEST_TIMEOUT_MS = 15_000;
/** How often that is looked at: Node's own 30 s would let a stuck request stay for 45 s. */
const TIMEOUTS_CHECKED_EVERY_MS = 1_000;
/** Ids have 20 characters, slugs 40, hosts 253. */
const PARAMETER_LENGTH_MAX = 253;

interface ApiAdapterOptions {
  /** Networks from which `X-Forwarded-For`, `-Proto` and `-Host` are believed; from anywhere else they say nothing. */
  readonly trustedProxies?: readonly string[];
  readonly requestTimeoutMs?: number;
}

/** The HTTP server of the management API. Pass `bodyParser: false` to Nest beside it: `configureApi` sets the only parser. */
export function apiAdapter({
  trustedProxies = [],
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
}: ApiAdapterOptions = {}): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: requestTimeoutMs,
    http: {
      // Node swaps the two when the headers have more time than the whole request, and the body would get 60 s.
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(TIMEOUTS_CHECKED_EVERY_MS, requestTimeoutMs),
    },
    // What arrives on open connections while the server ends is answered like everything else, on their last use.
    return503OnClosing: false,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    logger: false,
    genReqId: mintRequestId,
    frameworkErrors: answerUnroutable,
    clientErrorHandler: answerUnreadable,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
  });
}

/**
 * Gives the application everything that holds for all routes: problems, input checks, headers, request ids, the OpenAPI
 * document. Call it between `NestFactory.create` and `listen`; the caller guard is the module's (`APP_GUARD`).
 */
export async function configureApi(app: NestFastifyApplication, log: Pick<Log, 'error'>): Promise<void> {
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  const routes = new RouteMethods();
  routes.watch(fastify);
  acceptOnlyJson(fastify);
  fastify.addHook('onRoute', (route) => {
    if (LARGE_BODIES.has(route.url)) route.bodyLimit = LARGE_BODY_LIMIT_BYTES;
  });
  // Node itself would refuse an expectation that it does not know, with a 417 that is no problem document; it may be ignored (RFC 9110 10.1.1).
  fastify.server.on('checkExpectation', (...call) => fastify.server.emit('request', ...call));
  answerUnchanged(fastify);
  endConnections(fastify);
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header(REQUEST_ID_HEADER, request.id);
    if (request.url.startsWith('/v1/')) reply.header('cache-control', 'no-store');
    done();
  });
  app.useSecurityHeaders(SECURITY_HEADERS);
  app.enableCsrfProtection();
  app.useGlobalFilters(new ProblemFilter(log, routes));
  app.useGlobalPipes(new InputPipe());
  app.useGlobalGuards(new DeclaredInputGuard());
  await serveOpenApi(app);
}

/**
 * A connection whose request is answered while the server ends is closed with it, and one on which nothing was ever asked at
 * once (browsers open such in advance): idle, either would keep the server for a minute.
 */
function endConnections(fastify: FastifyInstance): void {
  let isEnding = false;
  const connections = new Set<Socket>();
  fastify.server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  fastify.addHook('preClose', (done) => {
    isEnding = true;
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    done();
  });
  fastify.addHook('onSend', (_, reply, payload, done) => {
    if (isEnding) reply.header('connection', 'close');
    done(null, payload);
  });
}

/** Transport security is left to whoever terminates TLS: the server itself speaks plain HTTP, also on addresses that stay so. */
const SECURITY_HEADERS = {
  strictTransportSecurity: false,
  contentSecurityPolicy: {
    directives: {
      frameAncestors: "'none'",
      fontSrc: ["'self'", 'data:'],
      styleSrc: ["'self'", "'unsafe-inline'"],
      upgradeInsecureRequests: null,
    },
  },
  xFrameOptions: { action: 'deny' as const },
};

/** Answers a path that the router cannot read; no hook or filter ever sees it. An id longer than any of ours names nothing. */
function answerUnroutable(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const tooLong = error.code === 'FST_ERR_MAX_PARAM_LENGTH';
  const problem = tooLong
    ? new Problem('not-found', 'There is nothing at this address.')
    : new Problem('malformed-request', 'The path of the URL cannot be read.');
  void sendProblem(reply.header('x-content-type-options', 'nosniff'), request.id, problem);
}

/** Answers bytes that are not a request (no route, hook or filter ever sees them) in the shape of all other problems. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const code = unreadableCode(error.code);
  const { status, title, help } = PROBLEMS[code];
  const requestId = mintRequestId();
  const body = JSON.stringify({ type: problemType(code), title, status, detail: help, code, requestId });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `${REQUEST_ID_HEADER}: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function unreadableCode(code: string | undefined): ProblemCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'malformed-request';
}
