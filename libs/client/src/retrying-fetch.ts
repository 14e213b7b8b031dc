import { ApiProblem, NoAnswer, secondsOf } from './api-problem.js';

export interface Patience {
  /** Times that a call is made again at most. */
  readonly retries: number;
  /** A server that wants a longer pause than so many seconds gets no second call: the problem is the caller's then. */
  readonly longestPauseSeconds: number;
  /** How long one attempt may take in milliseconds; 0: without end. */
  readonly timeoutMs: number;
  /** Resolves after so many milliseconds; rejects when the signal ends first. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** May be carried out twice with the same outcome (RFC 9110 section 9.2.2). */
const IDEMPOTENT_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** With `Retry-After` these say that the same call will be answered later: 409 while the first one is still running. */
const LATER_STATUSES = new Set([409, 429, 503]);
/** After a connection that failed; doubled each time. */
const FIRST_PAUSE_MS = 200;

/**
 * `fetch` that throws `ApiProblem` for every answer that is no success, and `NoAnswer` when none came. It repeats by itself:
 * what the server asked to be repeated (409, 429 or 503 with `Retry-After`), if the call is idempotent or carries an
 * `Idempotency-Key`; and what got no answer, if its method is idempotent. A redirect is followed nowhere: the access token
 * is for the server that was named.
 */
export function retryingFetch(fetch: (request: Request) => Promise<Response>, patience: Patience) {
  return async (request: Request): Promise<Response> => {
    for (let attempt = 0; ; attempt++) {
      const isLast = attempt >= patience.retries;
      const answer = await attemptOf(fetch, request, patience);
      if (answer instanceof Response && answer.ok) return answer;
      const wait = isLast ? undefined : pauseBefore(request, answer, attempt, patience);
      if (wait === undefined) throw answer instanceof Response ? await ApiProblem.of(answer) : answer;
      if (answer instanceof Response) await answer.body?.cancel();
      await patience.pause(wait, request.signal);
    }
  };
}

/** The answer, or that there was none. Throws what the caller's own signal ended. */
async function attemptOf(
  fetch: (request: Request) => Promise<Response>,
  request: Request,
  { timeoutMs }: Patience,
): Promise<Response | NoAnswer> {
  const ends = timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : [];
  const signal = AbortSignal.any([request.signal, ...ends]);
  try {
    return await fetch(new Request(request.clone(), { signal, redirect: 'manual' }));
  } catch (error) {
    if (request.signal.aborted) throw error;
    return new NoAnswer(new URL(request.url).origin, error);
  }
}

/** Milliseconds until the call is made again; undefined: it is not. */
function pauseBefore(
  { method, headers }: Request,
  answer: Response | NoAnswer,
  attempt: number,
  { longestPauseSeconds }: Patience,
): number | undefined {
  const isIdempotent = IDEMPOTENT_METHODS.has(method);
  if (answer instanceof NoAnswer) return isIdempotent ? FIRST_PAUSE_MS * 2 ** attempt : undefined;
  if (!isIdempotent && !headers.has('idempotency-key')) return undefined;
  const seconds = secondsOf(answer.headers.get('retry-after'));
  const isLater = LATER_STATUSES.has(answer.status) && seconds !== undefined;
  return isLater && seconds <= longestPauseSeconds ? seconds * 1_000 : undefined;
}
