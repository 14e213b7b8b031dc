import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** For specs only: a receiver of webhooks that answers what it is told to, with 204 when there is nothing left. */
export class Receiver {
  readonly received: Received[] = [];
  answers: { status: number; headers?: Record<string, string> }[] = [];
  /** Whether it answers nothing until `release`. */
  holds = false;
  private readonly held: (() => void)[] = [];
  private readonly arrivals = new EventEmitter();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      void textOf(request).then((body) => {
        this.received.push({ headers: request.headers, body });
        this.arrivals.emit('request');
        const { status, headers = {} } = this.answers.shift() ?? { status: 204 };
        const answer = () => void response.writeHead(status, headers).end();
        if (this.holds) this.held.push(answer);
        else answer();
      });
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  /** Resolves with the next request. */
  async next(): Promise<void> {
    await once(this.arrivals, 'request');
  }

  /** Answers what waits, and what comes from now on. */
  release(): void {
    this.holds = false;
    this.held.splice(0).forEach((answer) => answer());
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
