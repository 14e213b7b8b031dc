import { connect, type Socket } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';

/** An answer longer awaited than this is a hang. */
const ANSWER_LIMIT_MS = 10_000;
const HEAD_END = '\r\n\r\n';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Bytes that are sent as they are: no client library would send most of what a fuzz has to. */
export interface RawRequest {
  readonly method: string;
  /** Each character is one byte. */
  readonly path: string;
  /** Names and values, each character one byte. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Buffer;
}

/** The other side ended the connection before it answered, or did not answer in time. */
export class NoAnswer extends Error {}

/** One connection that is kept, with one request under way at a time; opened anew when the server has closed it. */
export class RawConnection {
  private socket: Socket | undefined;

  constructor(private readonly port: number) {}

  /** Sends the bytes and reads the whole answer; of a stream of events, its head. Rejects with NoAnswer. */
  async ask(request: RawRequest): Promise<RawAnswer> {
    const socket = (this.socket ??= connect({ port: this.port, host: '127.0.0.1', noDelay: true }));
    const answer = new Promise<RawAnswer>((resolve, reject) => {
      const reader = new AnswerReader(resolve);
      const fail = (why: string) => () => reject(new NoAnswer(why));
      socket.on('data', (chunk) => reader.take(chunk));
      socket.on('close', fail('the connection was closed'));
      socket.on('error', fail('the connection was broken'));
      socket.setTimeout(ANSWER_LIMIT_MS, fail(`no answer within ${ANSWER_LIMIT_MS} ms`));
    });
    socket.write(bytesOf(request));
    try {
      const { headers, ...rest } = await answer;
      if (headers.connection !== 'keep-alive' || isStream(headers)) this.close();
      return { headers, ...rest };
    } catch (error) {
      this.close();
      throw error;
    } finally {
      socket.removeAllListeners('data').removeAllListeners('close').removeAllListeners('timeout');
      // What breaks later is nobody's answer: the next request opens another connection.
      socket.removeAllListeners('error').on('error', () => {});
      socket.once('close', () => this.socket === socket && (this.socket = undefined));
      if (socket.destroyed) this.socket = undefined;
    }
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }
}

function bytesOf({ method, path, headers, body }: RawRequest): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  if (body) lines.push(`content-length: ${body.length}`);
  return Buffer.concat([Buffer.from(lines.join('\r\n') + HEAD_END, 'latin1'), body ?? Buffer.alloc(0)]);
}

function isStream(headers: IncomingHttpHeaders): boolean {
  return (headers['content-type'] ?? '').startsWith('text/event-stream');
}

/** Reads one HTTP/1.1 answer (RFC 9112), with a length or in chunks, past interim answers. */
class AnswerReader {
  private bytes = Buffer.alloc(0);

  constructor(private readonly done: (answer: RawAnswer) => void) {}

  take(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    const answer = this.whole();
    if (answer) this.done(answer);
  }

  private whole(): RawAnswer | undefined {
    const end = this.bytes.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const [first, ...lines] = this.bytes.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(first!.split(' ')[1]);
    const rest = this.bytes.subarray(end + HEAD_END.length);
    if (status < 200) {
      this.bytes = rest;
      return this.whole();
    }
    const headers = headersOf(lines);
    const body = isStream(headers) ? rest : bodyOf(status, headers, rest);
    return body && { status, headers, text: body.toString() };
  }
}

function headersOf(lines: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

/** undefined while bytes are missing. */
function bodyOf(status: number, headers: IncomingHttpHeaders, rest: Buffer): Buffer | undefined {
  if (status === 204 || status === 304) return Buffer.alloc(0);
  if (headers['transfer-encoding'] === 'chunked') return unchunked(rest);
  const length = Number(headers['content-length'] ?? 0);
  return rest.length < length ? undefined : rest.subarray(0, length);
}

function unchunked(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, end).toString(), 16);
    const next = end + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(end + 2, end + 2 + size));
    at = next;
  }
}
