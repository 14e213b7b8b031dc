import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Action, Decision, RequestRefusal } from '#libs/access';
import { networkText } from './client-network.js';
import { FAILURE_EVERY_MS, FAILURES_BURST } from './failure-limit.js';

/** An answer in the registry's error shape, ready to be sent. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `{"errors":[{code, message, detail}]}`: the only shape whose message docker and skopeo show. */
  readonly body: string;
}

/** The key is the same in every answer of the API: clients know the registry by it. */
export const API_VERSION_HEADER = 'docker-distribution-api-version';
export const API_VERSION = 'registry/2.0';
const REALM = 'Basic realm="Container registry"';

/** Docker and skopeo do not retry quickly; other clients come back after this many seconds. */
const RETRY_AFTER_SECONDS = '1';
/** A client that still sends its body when it is refused gets this long to read the answer; then the connection is cut. */
const LINGER_MS = 5_000;

/** Codes of the OCI distribution specification 1.1, "Error codes", and UNAVAILABLE and UNKNOWN of the reference implementation. */
type ErrorCode =
  | RequestRefusal['code']
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'NAME_UNKNOWN'
  | 'MANIFEST_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAVAILABLE'
  | 'UNKNOWN';

function refusal(
  status: number,
  code: ErrorCode,
  message: string,
  headers: Record<string, string> = {},
): Refusal {
  const body = JSON.stringify({ errors: [{ code, message, detail: null }] });
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      [API_VERSION_HEADER]: API_VERSION,
      ...headers,
    },
    body,
  };
}

function unauthorized(message: string): Refusal {
  return refusal(401, 'UNAUTHORIZED', message, { 'www-authenticate': REALM });
}

/** The one answer to everyone who proved no secret, byte for byte, whatever the reason. */
const STRANGER = unauthorized(
  'authentication required: the password is the key, the user name is the key or its id',
);
export const UNKNOWN_HOST = refusal(404, 'NAME_UNKNOWN', 'no registry answers on this host');
export const NO_SUCH_PATH = refusal(404, 'UNSUPPORTED', 'there is nothing at this path');
export const NO_UPSTREAM = refusal(
  404,
  'UNSUPPORTED',
  'no registry stands behind this gate: only /v2/ answers',
);
export const NOT_READY = refusal(503, 'UNAVAILABLE', 'the gate is not ready', {
  'retry-after': RETRY_AFTER_SECONDS,
});
export const TOO_MANY_HEADERS = refusal(431, 'UNSUPPORTED', 'the request has too many headers');
/** To whoever was accepted before the gate began to end, and is still waiting when it must. */
export const CUT_SHORT = refusal(503, 'UNAVAILABLE', 'the gate is shutting down: repeat the request', {
  'retry-after': RETRY_AFTER_SECONDS,
});
export const UPSTREAM_DOWN = refusal(502, 'UNAVAILABLE', 'the registry behind the gate does not answer');
export const UPSTREAM_REFUSES_GATE = refusal(
  502,
  'UNAVAILABLE',
  'the registry behind the gate refuses the gate',
);
export const UPSTREAM_REDIRECTS_AWAY = refusal(
  502,
  'UNAVAILABLE',
  'the registry behind the gate points away from this registry, to a place that the gate does not guard',
);
export const UPSTREAM_BUSY = refusal(503, 'UNAVAILABLE', 'the registry behind the gate is busy', {
  'retry-after': RETRY_AFTER_SECONDS,
});
export const NO_CATALOG = refusal(404, 'UNSUPPORTED', 'the registry behind the gate lists no repositories');
export const BAD_PAGE = refusal(
  400,
  'PAGINATION_NUMBER_INVALID',
  'n is a number from 1 to 1000, last the name of a repository, each given once at most',
);
export const TOO_MANY_OTHERS = refusal(
  403,
  'DENIED',
  'the repositories that this key reaches stand behind too many that it does not reach: ask for them by name',
);
/** 404 is what the reference implementation answers to a client that cannot read the type of a manifest. */
export const OLD_SCHEMA = refusal(
  404,
  'MANIFEST_UNKNOWN',
  'manifests of schema 1 are not supported: ask with an Accept header that names a newer type',
);
export const INTERNAL = refusal(500, 'UNKNOWN', 'the gate failed at this request');

const ENDED = {
  wrong_registry: unauthorized('this key belongs to another registry'),
  revoked: unauthorized('this key was revoked'),
  expired: unauthorized('this key has expired'),
  suspended: unauthorized('this key is suspended'),
} as const;

/** The answer to a request that is no request of the registry API. Only for callers who proved a key that is in force. */
export function invalidRequest({ status, code, message, allow }: RequestRefusal): Refusal {
  return refusal(status, code, message, allow === undefined ? {} : { allow });
}

const TOO_MANY_FAILURES = refusal(
  429,
  'TOOMANYREQUESTS',
  'too many failed attempts from this network: wait, then use a key that is in force',
);
/** "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-10): so many in the time that refills as many. */
const FAILURE_POLICY = `"failures";q=${FAILURES_BURST};w=${(FAILURES_BURST * FAILURE_EVERY_MS) / 1_000}`;

/** The answer to a failure beyond the limit of its network, in place of the stranger's. `waitMs` > 0: until the next counts. */
export function tooManyFailures(waitMs: number): Refusal {
  const seconds = Math.ceil(waitMs / 1_000);
  const headers = {
    ...TOO_MANY_FAILURES.headers,
    'retry-after': String(seconds),
    ratelimit: `"failures";r=0;t=${seconds}`,
    'ratelimit-policy': FAILURE_POLICY,
  };
  return { ...TOO_MANY_FAILURES, headers };
}

/** What was asked, as far as a refusal tells it. */
export interface Asked {
  readonly action: Action;
  readonly repository?: string | undefined;
  /** The client's, canonical. */
  readonly address: string;
}

/** The answer to a decision other than `allowed`. Whoever proved the secret is told the reason; no one else is told any. */
export function refusalFor(decision: Decision, asked: Asked): Refusal {
  if (!decision.proven || decision.verdict === 'allowed') return STRANGER;
  const { verdict } = decision;
  if (verdict !== 'not_permitted' && verdict !== 'network_refused') return ENDED[verdict];
  return refusal(403, 'DENIED', `${decision.keyId}: ${whyDenied(decision, asked)}`);
}

function whyDenied(decision: Decision & { readonly proven: true }, asked: Asked): string {
  const { action, address, repository } = asked;
  if (decision.verdict === 'network_refused') {
    return `this key may not be used from this network (${networkText(address)})`;
  }
  if (decision.denied === 'repository') return `this key may not use the repository ${repository}`;
  if (action === 'push') return 'this key is read-only: pushing needs a key with the permission read-write';
  return `this key may not delete (its permission is ${decision.permission}): that needs read-write-delete`;
}

/**
 * Sends a refusal, past Fastify, to whom it would be a body to look into. Of a request whose body is still coming in, no more
 * is kept than until the client has read the answer. Nothing happens when the request has an answer.
 */
export function sendRefusal(
  request: IncomingMessage,
  reply: FastifyReply,
  { status, headers, body }: Refusal,
): void {
  if (reply.sent) return;
  cutWhenUnfinished(request, reply.raw);
  reply.hijack();
  reply.raw.writeHead(status, headers).end(body);
}

/**
 * Once the answer is sent, drains the rest of the request's body for LINGER_MS, then cuts the connection. Closing at once
 * would reset it, and the reset can destroy the answer before the client has read it (RFC 9112, section 9.6).
 */
export function cutWhenUnfinished(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  response.once('finish', () => {
    if (request.complete) return;
    request.resume();
    const cut = setTimeout(() => request.destroy(), LINGER_MS).unref();
    request.once('close', () => clearTimeout(cut));
    request.once('end', () => clearTimeout(cut));
  });
}

/** The bytes of the answer to something that Node could not read as an HTTP request; `code` is the parser's. */
export function clientError(code: string | undefined): string {
  const [status, text, message] =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? [408, 'Request Timeout', 'the request took too long']
      : code === 'HPE_HEADER_OVERFLOW'
        ? [431, 'Request Header Fields Too Large', 'the header is too long']
        : [400, 'Bad Request', 'this is no HTTP request'];
  const { headers, body } = refusal(status, 'UNSUPPORTED', message);
  const fields = { ...headers, 'content-length': String(body.length), connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${text}\r\n${lines.join('')}\r\n${body}`;
}
