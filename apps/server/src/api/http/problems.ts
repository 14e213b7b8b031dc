import { Refusal } from '#libs/kernel';

/** One kind of problem: its status and title never change (RFC 9457); `help` says what the caller can do. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  readonly help: string;
  /** Seconds for `Retry-After`, where waiting helps. */
  readonly retryAfter?: number;
}

/**
 * Every problem that the API answers with, by its stable code; `type` is `/problems/<code>`, which this table also serves.
 * A slice that refuses for a new reason adds its line here: the spec fails on a `Refusal` whose code is missing.
 * 400 = the request is wrong whenever it is sent; 422 = well-formed, but refused for what it means now.
 */
export const PROBLEMS = {
  'malformed-json': kind(400, 'The body is not JSON', 'Send one JSON value in UTF-8.'),
  'malformed-request': kind(
    400,
    'The request is not valid HTTP',
    'Correct the URL, the headers or the framing.',
  ),
  'invalid-request': kind(400, 'The body has invalid fields', 'Correct the fields listed in `errors`.'),
  'unknown-field': kind(400, 'The body has an unknown field', 'Remove it or correct its spelling.'),
  'invalid-parameter': kind(
    400,
    'A query parameter is invalid',
    'Correct the parameters listed in `errors`.',
  ),
  'unknown-parameter': kind(400, 'Unknown query parameter', 'Remove it or correct its spelling.'),
  'unknown-position': kind(400, 'The log has no such position', 'Send a position that an answer carried.'),
  'not-authenticated': kind(401, 'Sign in first', 'Send a session cookie or `Authorization: Bearer drm_…`.'),
  'sign-in-failed': kind(401, 'Sign-in failed', 'Check the e-mail address and the password.'),
  'not-permitted': kind(
    403,
    'Not permitted',
    'Ask an owner of the registry, or an administrator, for the right.',
  ),
  'cross-site-request': kind(
    403,
    'Cross-site request',
    'Call from the same origin, or with an access token.',
  ),
  'plan-required': kind(403, 'Not in this plan', 'Ask an administrator to change the plan of the registry.'),
  'report-not-signed': kind(
    403,
    'The report is not signed',
    'Sign the body with a key that LEAK_REPORT_KEYS of the installation names.',
  ),
  'host-not-proven': kind(
    403,
    'The host is not proven',
    'Set the DNS record in `record`, and repeat the request once it is published.',
  ),
  'not-found': kind(404, 'Not found', 'It does not exist, or you may not see it.'),
  'method-not-allowed': kind(405, 'Method not allowed', 'Use one of the methods in the `Allow` header.'),
  'request-timeout': kind(408, 'The request took too long', 'Send the whole request at once.'),
  conflict: kind(409, 'Changed meanwhile', 'Read the resource again and repeat the request.'),
  'slug-taken': kind(409, 'The slug is taken', 'Choose another slug.'),
  'host-taken': kind(409, 'The host is taken', 'A host belongs to one registry at most: choose another.'),
  'host-fixed': kind(
    409,
    'The host cannot be removed',
    'It follows from the slug, or from the configuration of the installation.',
  ),
  'upstream-taken': kind(
    409,
    'The upstream is taken',
    'A registry behind the gate belongs to one registry, or to all: choose another.',
  ),
  'already-member': kind(409, 'The user is a member already', 'Change the role of the member with PATCH.'),
  'email-taken': kind(409, 'The e-mail address is taken', 'A user has it already: choose another.'),
  'last-administrator': kind(
    409,
    'The last administrator stays',
    'Make another user an administrator first.',
  ),
  'too-many-tokens': kind(409, 'Too many access tokens', 'End those that nobody uses.'),
  'too-many-channels': kind(409, 'Too many channels', 'Remove those that nobody reads.'),
  'key-revoked': kind(409, 'The key is revoked', 'Generate another key.'),
  'key-expired': kind(409, 'The key has expired', 'Generate another key.'),
  'key-suspended': kind(409, 'The key is suspended', 'Resume the key first.'),
  'key-rotating': kind(
    409,
    'The key is rotated already',
    'Use its successor, or revoke the successor and generate a key.',
  ),
  'idempotency-in-progress': kind(409, 'The first request is still running', 'Repeat it in a moment.', 1),
  'precondition-failed': kind(412, 'Changed meanwhile', 'Read the resource again for its new `ETag`.'),
  'payload-too-large': kind(413, 'The body is too large', 'Send a smaller body.'),
  'unsupported-media-type': kind(415, 'Not a JSON request', 'Send `Content-Type: application/json`.'),
  'invalid-value': kind(422, 'The value is refused', 'Correct the field named in `errors`.'),
  'mail-not-configured': kind(422, 'No mail server', 'Ask the operator to set SMTP_URL.'),
  'invitation-void': kind(422, 'The invitation does not hold', 'Ask an administrator for a new one.'),
  'not-supported': kind(422, 'Not supported yet', 'Leave the field out: it could not be enforced.'),
  'expiry-in-past': kind(422, 'The expiry is in the past', 'Choose a time in the future.'),
  'usage-not-kept': kind(422, 'Not kept any more', 'Ask for longer steps, or for a later time.'),
  'as-of-in-future': kind(422, 'The moment has not come', 'Ask for a moment that has passed.'),
  'policy-violated': kind(
    422,
    "Against the registry's policy",
    'Choose what the policy allows, or have an owner change it.',
  ),
  'idempotency-key-reused': kind(
    422,
    'The Idempotency-Key was used for another body',
    'Use a new key for a new request.',
  ),
  'too-many-requests': kind(429, 'Too many requests', 'Wait as long as `Retry-After` says.'),
  'too-many-replays': kind(429, 'Too many replays', 'Wait until one has ended.', 5),
  'too-many-feeds': kind(429, 'Too many change feeds', 'End one, or wait until one has answered.', 5),
  'headers-too-large': kind(431, 'The headers are too large', 'Send fewer or shorter headers.'),
  internal: kind(500, 'Internal error', 'Tell the operator the request id.'),
  'position-not-reached': kind(
    503,
    'This node is behind',
    'Repeat the request after `Retry-After` seconds, here or at another node.',
    1,
  ),
  unavailable: kind(503, 'Not available now', 'Repeat the request after `Retry-After` seconds.', 2),
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One fault in a body (`pointer`, RFC 6901) or in the query (`parameter`). `detail` never repeats the value. */
export interface FieldProblem {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly code: string;
  readonly detail: string;
}

/** What else a refusal may carry. `members` are members of the answer beside those of every problem (RFC 9457 section 3.2). */
interface ProblemExtras {
  readonly headers?: Readonly<Record<string, string>>;
  readonly errors?: readonly FieldProblem[];
  readonly members?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** A refusal of the edge itself: besides code and text it may carry headers, a list of faults and members of its own. */
export class Problem extends Refusal {
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly FieldProblem[] | undefined;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    override readonly code: ProblemCode,
    detail: string,
    extras: ProblemExtras = {},
  ) {
    super(code, detail, extras);
    this.headers = extras.headers ?? {};
    this.errors = extras.errors;
    this.members = extras.members ?? {};
  }
}

/** A 400 for one field of the body, for rules that need more than the field itself; `pointer` as in RFC 6901. */
export function invalidField(pointer: string, detail: string): Problem {
  return new Problem('invalid-request', detail, { errors: [{ pointer, code: 'invalid-value', detail }] });
}

/** The same for a parameter of the query. */
export function invalidParameter(parameter: string, detail: string): Problem {
  return new Problem('invalid-parameter', detail, { errors: [{ parameter, code: 'invalid-value', detail }] });
}

/** The body of `application/problem+json`. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly FieldProblem[];
}

/** The line of the table for a refusal's code; undefined for a code that nobody added. */
export function problemKind(code: string): ProblemKind | undefined {
  return Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code as ProblemCode] : undefined;
}

/** The path that identifies a kind of problem and serves its page. */
export function problemType(code: string): string {
  return `/problems/${code}`;
}

function kind(status: number, title: string, help: string, retryAfter?: number): ProblemKind {
  return retryAfter === undefined ? { status, title, help } : { status, title, help, retryAfter };
}
