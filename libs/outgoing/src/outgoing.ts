import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import { isPublicAddress } from './addresses.js';

/** The whole request, from the look-up of the name to the last byte that is read. */
const TIMEOUT_MS = 10_000;
/** More of an answer is not read: nobody needs it, and a hostile server may send without end. */
const ANSWER_BYTES_MAX = 65_536;
/** A longer URL is none that a person configured. */
const URL_LENGTH_MAX = 2_048;

export interface OutgoingRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface OutgoingAnswer {
  readonly status: number;
  /** Names in lower case; of a header that came several times the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most ANSWER_BYTES_MAX bytes of it. */
  readonly body: Buffer;
}

/** The request was not made, or had no answer. The text names neither the URL nor any header: it may be shown. */
export class OutgoingError extends Error {
  override readonly name = 'OutgoingError';
}

interface Address {
  readonly address: string;
  readonly family: number;
}
type Resolve = (host: string) => Promise<readonly Address[]>;

/** What a URL must not be, as a sentence about it; undefined when it can be a target. Asks nobody: a name is looked up when it is used. */
export function targetProblem(text: string, allowPrivate: boolean): string | undefined {
  if (text.length > URL_LENGTH_MAX || !URL.canParse(text)) return 'is not a URL of at most 2,048 characters';
  const { protocol, username, password, hostname } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https:// or http://';
  if (username !== '' || password !== '') return 'must not carry a user name or password';
  const literal = hostOf(hostname);
  if (isIP(literal) !== 0 && !allowPrivate && !isPublicAddress(literal)) return NOT_PUBLIC;
  return undefined;
}

const NOT_PUBLIC =
  'leads to an address that is not public, which is refused unless ALLOW_PRIVATE_TARGETS is true';

/**
 * HTTP requests to targets that users name. A name is looked up once, every address that it has must be a public one, and the
 * connection goes to exactly the address that was checked, so that no second look-up can lead elsewhere. No redirect is
 * followed, and time and size of the answer are bounded.
 */
export class Outgoing {
  private readonly resolve: Resolve;
  private readonly timeoutMs: number;

  /** `resolve` takes the place of the system's resolver. */
  constructor(
    private readonly allowPrivate: boolean,
    options: { readonly resolve?: Resolve; readonly timeoutMs?: number } = {},
  ) {
    this.resolve = options.resolve ?? ((host) => lookup(host, { all: true, verbatim: true }));
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** Resolves with any answer, whatever its status. Throws OutgoingError. */
  async send(request: OutgoingRequest): Promise<OutgoingAnswer> {
    const problem = targetProblem(request.url, this.allowPrivate);
    if (problem !== undefined) throw new OutgoingError(`the URL ${problem}`);
    const url = new URL(request.url);
    const signal = AbortSignal.timeout(this.timeoutMs);
    const address = await this.checkedAddress(hostOf(url.hostname), signal);
    const client = new Client(url.origin, {
      connect: { lookup: onlyTo(address), timeout: this.timeoutMs },
      pipelining: 0,
    });
    try {
      return await exchange(client, url, request, signal);
    } catch (error) {
      throw described(error, signal);
    } finally {
      void client.destroy().catch(() => undefined);
    }
  }

  private async checkedAddress(host: string, signal: AbortSignal): Promise<Address> {
    const addresses = isIP(host) === 0 ? await this.lookedUp(host, signal) : [literal(host)];
    const [first] = addresses;
    if (!first) throw new OutgoingError('the name of the host cannot be resolved');
    const isRefused = !this.allowPrivate && !addresses.every(({ address }) => isPublicAddress(address));
    if (isRefused) throw new OutgoingError(`the URL ${NOT_PUBLIC}`);
    return first;
  }

  /** The system's resolver cannot be told to stop: its late answer is dropped. */
  private async lookedUp(host: string, signal: AbortSignal): Promise<readonly Address[]> {
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new OutgoingError('the name took too long to resolve')));
    });
    try {
      return await Promise.race([this.resolve(host), late]);
    } catch (error) {
      if (error instanceof OutgoingError) throw error;
      throw new OutgoingError('the name of the host cannot be resolved', { cause: error });
    }
  }
}

/** A look-up that knows one answer, whatever it is asked. */
function onlyTo({ address, family }: Address): LookupFunction {
  return (_host, options, callback) => {
    if (options.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

async function exchange(
  client: Client,
  { pathname, search }: URL,
  { method, headers = {}, body }: OutgoingRequest,
  signal: AbortSignal,
): Promise<OutgoingAnswer> {
  const answer = await client.request({
    path: pathname + search,
    method,
    headers: { ...headers },
    ...(body === undefined ? {} : { body }),
    signal,
  });
  const { statusCode: status } = answer;
  return { status, headers: plainHeaders(answer.headers), body: await firstBytes(answer.body) };
}

async function firstBytes(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop early destroys the stream, and with it the connection.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= ANSWER_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX);
}

function plainHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, (Array.isArray(value) ? value[0] : value) ?? '']),
  );
}

/** By its code alone: the text of an error may hold parts of the request. */
function described(error: unknown, signal: AbortSignal): OutgoingError {
  if (error instanceof OutgoingError) return error;
  if (signal.aborted) return new OutgoingError('there was no answer in time', { cause: error });
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return new OutgoingError(REASONS[code] ?? `the connection failed (${code})`, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'there was no answer in time',
};

function literal(address: string): Address {
  return { address, family: isIP(address) };
}

/** `URL.hostname` without the brackets of an IPv6 address. */
function hostOf(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
