import { randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http2';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { encodeGossip, encodeSupportedMethods, Status } from './responses.js';
import { Call, refuseStream } from './rpc.js';
import type { StreamsService } from './streams-service.js';

/** How much a client may send ahead of what was read, per stream and per connection: a few of the largest appends. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;

/** Node's limit of 10 MB per connection would refuse new calls while slow readers hold their windows. */
const SESSION_MEMORY_MEGABYTES = 256;

const STREAMS = '/event_store.client.streams.Streams/';

/** gRPC over HTTP/2 without TLS on 127.0.0.1. */
export class EventStoreServer {
  private readonly server: Http2Server;
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly instanceId = randomUUID();
  private readonly token: Buffer;

  /** `token` has to stand in the `connection-name` of every call that touches data: other users reach the port too. */
  constructor(
    private readonly streams: StreamsService,
    token: string,
    private readonly clock: () => number,
  ) {
    this.token = Buffer.from(token);
    this.server = createServer({
      settings: { initialWindowSize: STREAM_WINDOW_BYTES },
      maxSessionMemory: SESSION_MEMORY_MEGABYTES,
    });
    this.server.on('session', (session) => {
      this.sessions.add(session);
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      session.on('error', () => undefined);
      session.on('close', () => this.sessions.delete(session));
    });
    this.server.on('stream', (stream, headers) => this.route(stream, headers));
    this.server.on('sessionError', () => undefined);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** 0 = a port that the system chooses. Rejects with EADDRINUSE. */
  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
  }

  /** Stores what was submitted, sends the answers and ends the connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.streams.flush();
    // One turn of the event loop, in which the answers are written to the sockets.
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (const session of this.sessions) session.destroy();
    await closed;
  }

  private route(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = String(headers[':path']);
    if (path.startsWith(STREAMS) && !this.isAllowed(headers['connection-name'])) {
      refuseStream(stream, {
        status: Status.UNAUTHENTICATED,
        message: 'the connection name is not the one of this store',
      });
      return;
    }
    const start = this.methodOf(path);
    if (start) start(new Call(stream));
    else refuseStream(stream, { status: Status.UNIMPLEMENTED, message: `${path} is not implemented` });
  }

  private methodOf(path: string): ((call: Call) => void) | undefined {
    switch (path) {
      case `${STREAMS}Read`:
        return (call) => this.streams.read(call);
      case `${STREAMS}BatchAppend`:
        return (call) => this.streams.batchAppend(call);
      case `${STREAMS}Append`:
        return (call) => this.streams.append(call);
      case `${STREAMS}Delete`:
        return (call) => this.streams.delete(call);
      case `${STREAMS}Tombstone`:
        return (call) => this.streams.tombstone(call);
      case '/event_store.client.server_features.ServerFeatures/GetSupportedMethods':
        return (call) => answerWith(call, () => encodeSupportedMethods());
      case '/event_store.client.gossip.Gossip/Read':
        return (call) => answerWith(call, () => encodeGossip(this.instanceId, this.port, this.clock()));
      default:
        return undefined;
    }
  }

  private isAllowed(name: string | string[] | undefined): boolean {
    const given = Buffer.from(String(name));
    return given.length === this.token.length && timingSafeEqual(given, this.token);
  }
}

function answerWith(call: Call, encode: () => Buffer): void {
  call.receive(
    () => {
      call.send([encode()]);
      call.end();
    },
    () => undefined,
  );
}
