import { request, type Agent, type IncomingHttpHeaders } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { text } from 'node:stream/consumers';
import { requireDocumented } from '../support/documented-answer.js';

/** An answer longer awaited than this is a hang. */
const EXCHANGE_LIMIT_MS = 20_000;

export interface Exchange {
  readonly method?: string;
  /** Sent as it is: `fetch` would tidy `..` and `%00` away before the server sees them. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
  /** Whom to trust, in PEM: the port speaks TLS. Default: plain HTTP. */
  readonly ca?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Sends one request to a port of this machine and reads the whole answer. Rejects with the faults of an answer of the
 * management API that is not what docs/openapi.json says: the test that asked fails.
 */
export async function exchange(port: number, asked: Exchange): Promise<Answer> {
  const answer = await exchangeUnchecked(port, asked);
  requireDocumented({ method: methodOf(asked), path: asked.path }, answer);
  return answer;
}

/** The same without a look at the document. */
function exchangeUnchecked(port: number, asked: Exchange): Promise<Answer> {
  const { path, headers, body, agent, ca } = asked;
  const bytes = bytesOf(body);
  const framing = bytes && { 'content-type': 'application/json', 'content-length': String(bytes.length) };
  return new Promise((resolve, reject) => {
    const send = ca === undefined ? request : requestOverTls;
    const sent = send({
      // Without a name the certificate must be for the address, whatever the Host header says.
      ...(ca !== undefined && { ca, servername: '' }),
      host: '127.0.0.1',
      port,
      method: methodOf(asked),
      path,
      headers: { ...framing, ...headers },
      agent: agent ?? false,
      signal: AbortSignal.timeout(EXCHANGE_LIMIT_MS),
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      text(response).then(
        (whole) => resolve({ status: response.statusCode!, headers: response.headers, text: whole }),
        reject,
      );
    });
    sent.end(bytes);
  });
}

function methodOf({ method, body }: Exchange): string {
  return method ?? (body === undefined ? 'GET' : 'POST');
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
