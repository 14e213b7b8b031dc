/** One fault in a body (`pointer`, RFC 6901) or in the query (`parameter`). */
export interface Fault {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly code: string;
  readonly detail: string;
}

/** The server refused, or failed: the problem document (RFC 9457) of an answer whose status is 300 or more. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';

  constructor(
    readonly status: number,
    /** Stable: what a program decides by. `not-a-problem` when the answer holds no problem document. */
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: readonly Fault[],
    /** Stands in the server's log too; undefined when it was not the server that answered. */
    readonly requestId: string | undefined,
    /** Seconds after which to try again; undefined when the answer does not say. */
    readonly retryAfter: number | undefined,
    /** The whole document: some problems have members of their own, such as `record` of `host-not-proven`. */
    readonly document: Readonly<Record<string, unknown>>,
  ) {
    super(`${detail} (${code})`);
  }

  /** Reads the answer to its end. An answer of somebody else, such as a proxy, is told by its status alone. */
  static async of(response: Response): Promise<ApiProblem> {
    const { status, headers } = response;
    const document = documentOf(headers.get('content-type'), await response.text());
    return new ApiProblem(
      status,
      textOf(document['code']) ?? 'not-a-problem',
      textOf(document['title']) ?? `HTTP ${status}`,
      textOf(document['detail']) ?? `The answer was HTTP ${status}, and holds no problem document.`,
      Array.isArray(document['errors']) ? (document['errors'] as Fault[]) : [],
      textOf(document['requestId']) ?? headers.get('dockreg-request-id') ?? undefined,
      secondsOf(headers.get('retry-after')),
      document,
    );
  }
}

/** No answer came: the connection failed, was cut, or took too long. Whether the call was carried out is not known. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';

  constructor(
    /** Of the server that was asked. */
    readonly origin: string,
    cause: unknown,
  ) {
    super(`${origin} gave no answer: ${reasonOf(cause)}`, { cause });
  }
}

/** Seconds of a `Retry-After` header; undefined for one that is missing, or a date, which this server never sends. */
export function secondsOf(header: string | null): number | undefined {
  return header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}

function documentOf(contentType: string | null, text: string): Record<string, unknown> {
  if (!contentType?.startsWith('application/problem+json')) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** `fetch` says "fetch failed", and why in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
