import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EventStoreUnavailable, RevisionConflict } from '#libs/event-store';
import { Refusal, withoutKeys } from '#libs/kernel';
import { MasterKeyMissing } from '#libs/personal-data';
import type { Log } from '#libs/platform';
import { RedisUnavailable } from '#libs/redis';
import {
  Problem,
  problemKind,
  PROBLEMS,
  problemType,
  type ProblemBody,
  type ProblemCode,
} from './problems.js';
import { REQUEST_ID_HEADER } from './request-id.js';
import type { RouteMethods } from './route-methods.js';

/** Causes are followed this far; a longer chain says nothing more. */
const CAUSES_MAX = 5;

/** What Fastify and Nest mean by a status, and the text for it. Their own messages may quote the request, so none is passed on. */
const BY_STATUS: Readonly<Record<number, readonly [ProblemCode, string]>> = {
  400: ['malformed-request', 'The request cannot be read.'],
  403: ['cross-site-request', 'A page of another origin sent this request.'],
  404: ['not-found', 'There is nothing at this address.'],
  408: ['request-timeout', 'The request did not arrive in time.'],
  413: ['payload-too-large', 'The body is larger than this API takes.'],
  414: ['not-found', 'There is nothing at this address.'],
  415: ['unsupported-media-type', 'The body must be JSON: send Content-Type: application/json.'],
};

/**
 * The one place where errors become answers (RFC 9457). A refusal keeps its code and text; everything unforeseen is a 500
 * that says nothing but the request id, and its cause goes to the log, without the body, the query or any key.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Pick<Log, 'error'>,
    private readonly routes: RouteMethods,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const refusal = this.refusalOf(exception, request);
    const kind = problemKind(refusal.code);
    if (!kind) this.report('a refusal has a code without a line in PROBLEMS', exception, request);
    if (kind && kind.status >= 500) this.report(kind.title, exception, request);
    if (!reply.sent) void sendProblem(reply, request.id, refusal);
  }

  private refusalOf(exception: unknown, request: FastifyRequest): Refusal {
    if (exception instanceof Refusal) return exception;
    const known = unavailable(exception);
    if (known) return known;
    if (!(exception instanceof HttpException)) return internal(exception);
    if (request.is404) return this.noRoute(request);
    const meant = BY_STATUS[exception.getStatus()];
    return meant ? new Problem(...meant) : internal(exception);
  }

  private noRoute(request: FastifyRequest): Problem {
    const allowed = this.routes.allowedFor(request.url);
    if (allowed.length === 0) return new Problem('not-found', 'There is nothing at this address.');
    const allow = allowed.join(', ');
    return new Problem('method-not-allowed', `This address takes ${allow}.`, { headers: { allow } });
  }

  private report(message: string, error: unknown, request: FastifyRequest): void {
    const route = request.routeOptions?.url ?? null;
    this.log.error(
      { requestId: request.id, method: request.method, route, causes: describe(error) },
      message,
    );
  }
}

/** What a store that is away means for the caller; undefined for other errors. */
function unavailable(cause: unknown): Problem | undefined {
  if (cause instanceof RevisionConflict)
    return new Problem('conflict', 'Others keep changing it.', { cause });
  if (cause instanceof MasterKeyMissing)
    return new Problem('unavailable', 'This node lacks the master key of personal data.', { cause });
  if (cause instanceof RedisUnavailable) {
    return new Problem('unavailable', 'Sessions cannot be read now; access tokens work.', { cause });
  }
  if (!(cause instanceof EventStoreUnavailable)) return undefined;
  return new Problem('unavailable', 'The event store did not answer: a write may or may not have happened.', {
    cause,
  });
}

function internal(cause: unknown): Problem {
  return new Problem('internal', 'Something went wrong on our side; the log has the cause.', { cause });
}

/** Sends a refusal as `application/problem+json`; a code without a line counts as a refused value, so that it is never a 500. */
export function sendProblem(reply: FastifyReply, requestId: string, refusal: Refusal): FastifyReply {
  const kind = problemKind(refusal.code) ?? PROBLEMS['invalid-value'];
  const body = bodyOf(refusal, kind.title, kind.status, requestId);
  if ('retryAfter' in kind) reply.header('retry-after', String(kind.retryAfter));
  if (kind.status === 401) reply.header('www-authenticate', 'Bearer realm="dockreg"');
  if (refusal instanceof Problem) reply.headers(refusal.headers);
  return (
    reply
      .status(kind.status)
      .headers({ [REQUEST_ID_HEADER]: requestId, 'cache-control': 'no-store' })
      .type('application/problem+json')
      // As bytes: Fastify adds a charset to text, and JSON has none (RFC 8259 section 11).
      .send(Buffer.from(JSON.stringify(body)))
  );
}

function bodyOf(refusal: Refusal, title: string, status: number, requestId: string): ProblemBody {
  const { code, detail, field } = refusal;
  const errors =
    refusal instanceof Problem
      ? refusal.errors
      : field === undefined
        ? undefined
        : [{ pointer: field, code, detail }];
  const members = refusal instanceof Problem ? refusal.members : {};
  const body = { ...members, type: problemType(code), title, status, detail, code, requestId };
  return errors ? { ...body, errors } : body;
}

/** An error and its causes for the log: only name, code, text and stack, because other properties may hold arguments. */
function describe(error: unknown): object[] {
  const causes: object[] = [];
  for (let cause = error; cause !== undefined && causes.length < CAUSES_MAX;) {
    const { name, message, stack, code } =
      cause instanceof Error ? (cause as NodeJS.ErrnoException) : plain(cause);
    causes.push({ name, code, message: withoutKeys(message), stack: stack && withoutKeys(stack) });
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

function plain(thrown: unknown): NodeJS.ErrnoException {
  return { name: 'not an Error', message: typeof thrown };
}
