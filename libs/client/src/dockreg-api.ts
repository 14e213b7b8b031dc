import createClient, {
  type Client,
  type ClientPathsWithMethod,
  type FetchResponse,
  type MaybeOptionalInit,
} from 'openapi-fetch';
import { retryingFetch, type Patience } from './retrying-fetch.js';
import type { paths } from './schema.js';

export interface DockregOptions {
  /** Of the management API, such as `https://keys.example.com`. */
  readonly baseUrl: string;
  /** An access token, `drm_…`. Without one only what is public is answered. */
  readonly token?: string | undefined;
  /** Times that a call is made again at most, where that is safe; default 3, 0: never. */
  readonly retries?: number;
  /** How long one attempt may take in milliseconds; default 30,000, 0: without end. */
  readonly timeoutMs?: number;
  /** Further headers of every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the platform's. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

type Verb = 'get' | 'put' | 'post' | 'patch' | 'delete';
type AllPaths = Client<paths>;

/** What comes back: an answer that is no success is thrown, as `ApiProblem`. */
interface Answered<Data> {
  readonly data: Data;
  readonly response: Response;
}

/** The data of the success among the two forms in which openapi-fetch answers. */
type DataOf<Answer> = Answer extends { error?: never; data: infer Data } ? Data : never;

/** As openapi-fetch has it, and it exports it not: what may be left out is left out. */
type InitParameter<Init> = {} extends Init ? [init?: Init] : [init: Init];

type Call<Method extends Verb> = <
  Path extends ClientPathsWithMethod<AllPaths, Method>,
  Init extends MaybeOptionalInit<paths[Path], Method>,
>(
  path: Path,
  ...init: InitParameter<Init>
) => Promise<
  Answered<DataOf<FetchResponse<paths[Path][Method] & Record<string, unknown>, Init, `${string}/${string}`>>>
>;

/** Every route of the OpenAPI document, with the types of its parameters, its body and its answer. */
export interface DockregApi {
  readonly GET: Call<'get'>;
  readonly PUT: Call<'put'>;
  readonly POST: Call<'post'>;
  readonly PATCH: Call<'patch'>;
  readonly DELETE: Call<'delete'>;
}

/** A pause that the server asks for is made up to this length; a script should rather fail than hang. */
const LONGEST_PAUSE_SECONDS = 30;
const RETRIES = 3;
/** A revocation waits for gates that do not answer, about 3 s; nothing else takes longer than that. */
const TIMEOUT_MS = 30_000;

/** A client of one server. It is a thin layer over openapi-fetch: what it adds is in `retryingFetch` and below. */
export function dockregApi({ token, headers, ...options }: DockregOptions): DockregApi {
  const patience: Patience = {
    retries: options.retries ?? RETRIES,
    longestPauseSeconds: LONGEST_PAUSE_SECONDS,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    pause,
  };
  const client = createClient<paths>({
    baseUrl: options.baseUrl,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
    fetch: retryingFetch(options.fetch ?? ((request) => globalThis.fetch(request)), patience),
  });
  client.use({ onRequest: ({ request }) => withIdempotencyKey(request) });
  // The fetch above throws whatever is no success, so `data` is always there.
  return client as unknown as DockregApi;
}

/** One for each call of POST, kept through its retries: a call that creates something creates it once. */
function withIdempotencyKey(request: Request): Request {
  if (request.method === 'POST' && !request.headers.has('idempotency-key')) {
    request.headers.set('idempotency-key', crypto.randomUUID());
  }
  return request;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
