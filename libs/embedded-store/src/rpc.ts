import type { ServerHttp2Stream } from 'node:http2';
import { Status } from './responses.js';
import type { CallEnd } from './responses.js';
import { GRPC_PREFIX_BYTES } from './wire.js';

/** The largest message taken from a client. An append is at most 1 MiB of data and 1 MiB of metadata. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

const DONE: CallEnd = { status: Status.OK, message: '' };

/**
 * One gRPC call on an HTTP/2 stream. Headers are answered at once: a client that waits for them before it reads runs
 * into 40 ms of delayed acknowledgement otherwise. All methods are safe after the client has gone.
 */
export class Call {
  private trailers: Record<string, string> = {};
  private ended = false;
  private readonly pending: Buffer[] = [];
  private pendingBytes = 0;

  constructor(private readonly stream: ServerHttp2Stream) {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(this.trailers));
  }

  get closed(): boolean {
    return this.ended || this.stream.destroyed || this.stream.closed;
  }

  onClose(listener: () => void): void {
    this.stream.once('close', listener);
  }

  /** Calls `onMessage` for each message of the client, then `onEnd`. Errors they throw end the call. */
  receive(onMessage: (message: Buffer) => void, onEnd: () => void): void {
    this.stream.on('data', (chunk: Buffer) => this.guard(() => this.take(chunk, onMessage)));
    this.stream.on('end', () => this.guard(onEnd));
  }

  /** Sends frames; false = the client does not keep up: wait for `whenWritable` before more. */
  send(frames: readonly Buffer[]): boolean {
    if (this.closed) return false;
    return this.stream.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
  }

  whenWritable(listener: () => void): void {
    this.stream.once('drain', listener);
  }

  /** Ends the call with a status, OK by default. */
  end(end: CallEnd = DONE): void {
    if (this.closed) return;
    this.ended = true;
    this.trailers = trailersOf(end);
    this.stream.end();
  }

  private guard(work: () => void): void {
    if (this.closed) return;
    try {
      work();
    } catch (error) {
      this.end(endOfError(error));
    }
  }

  private take(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    for (let length = this.nextLength(); length !== undefined && !this.closed; length = this.nextLength()) {
      const all = this.pending.length === 1 ? this.pending[0]! : Buffer.concat(this.pending);
      const end = GRPC_PREFIX_BYTES + length;
      this.pending.length = 0;
      if (all.length > end) this.pending.push(all.subarray(end));
      this.pendingBytes = all.length - end;
      onMessage(all.subarray(GRPC_PREFIX_BYTES, end));
    }
  }

  /** The length of the next message if all of it has come. */
  private nextLength(): number | undefined {
    if (this.pendingBytes < GRPC_PREFIX_BYTES) return undefined;
    if (this.pending[0]!.length < GRPC_PREFIX_BYTES)
      this.pending.splice(0, this.pending.length, Buffer.concat(this.pending));
    const head = this.pending[0]!;
    const length = head.readUInt32BE(1);
    if (head[0] !== 0)
      throw new CallRefused({
        status: Status.UNIMPLEMENTED,
        message: 'compressed messages are not supported',
      });
    if (length > MESSAGE_BYTES_MAX) {
      throw new CallRefused({
        status: Status.RESOURCE_EXHAUSTED,
        message: `a message is at most ${MESSAGE_BYTES_MAX} bytes`,
      });
    }
    return this.pendingBytes >= GRPC_PREFIX_BYTES + length ? length : undefined;
  }
}

/** Ends the call that it is thrown in. */
export class CallRefused extends Error {
  override readonly name = 'CallRefused';

  constructor(readonly end: CallEnd) {
    super(end.message);
  }
}

/** Refuses a stream before a call is made of it: one block of headers that also ends it. */
export function refuseStream(stream: ServerHttp2Stream, end: CallEnd): void {
  stream.on('error', () => undefined);
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', ...trailersOf(end) },
    { endStream: true },
  );
  stream.resume();
}

function trailersOf({ status, message, trailers }: CallEnd): Record<string, string> {
  return {
    'grpc-status': String(status),
    ...(message === '' ? {} : { 'grpc-message': encodeURI(message.toWellFormed()) }),
    ...trailers,
  };
}

/** The status of an error: what a call was refused for, else by the error's code. */
export function endOfError(error: unknown): CallEnd {
  if (error instanceof CallRefused) return error.end;
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown } | null)?.code;
  return { status: code === 'RECORD_DAMAGED' ? Status.DATA_LOSS : Status.UNKNOWN, message };
}
