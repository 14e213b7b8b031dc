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
import { DeclaredInputGuard, InputPipe } from './validation.js';

/** The largest body of the contract (a key with 32 labels and a description) is below 20 kB. */
const BODY_LIMIT_BYTES = 64 * 1024;
/** Paths whose bodies are larger: reports of leaks come in bunches, and whoever looks for keys pastes a whole log. */
const LARGE_BODIES: ReadonlySet<string> = new Set(['/v1/leaks', '/v1/leaks/check']);
const LARGE_BODY_LIMIT_BYTES = 1024 * 1024;
/** A whole request must have arrived within this time; bodies are small, so a slower client is stuck or hostile. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Ids have 20 characters, slugs 40, hosts 253. */
const PARAMETER_LENGTH_MAX = 253;

/** The HTTP server of the management API. Pass `bodyParser: false` to Nest beside it: `configureApi` sets the only parser. */
export function apiAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    trustProxy: false,
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

/** Transport security is left to whoever terminates TLS: the server itself speaks plain HTTP, also on addresses that stay so. */
const SECURITY_HEADERS = {
  strictTransportSecurity: false,
  contentSecurityPolicy: {
    directives: {
      frameAncestors: "'none'",
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
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function unreadableCode(code: string | undefined): ProblemCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'malformed-request';
}
