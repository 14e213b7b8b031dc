import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Given {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What happens to the next requests instead of the protocol: an answer, or none at all. */
export type Fault = Given | 'silence' | 'cut' | 'lost answer';

/** For specs only: a server that speaks the protocol of a target, and fails as it is told. */
export abstract class TargetServer {
  readonly asked: Asked[] = [];
  /** Each is for one request; undefined: it goes well. */
  faults: (Fault | undefined)[] = [];
  /** The path of the requests that the faults are for; undefined: all. */
  faultsAt: string | undefined;
  private readonly holds: ((asked: Asked) => Promise<void> | undefined)[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      void text(request).then(async (body) => {
        const { method = '', url: path = '', headers } = request;
        const asked = { method, path, headers, body };
        this.asked.push(asked);
        const isMeant = this.faultsAt === undefined || path === this.faultsAt;
        await this.respond(asked, response, isMeant ? this.faults.shift() : undefined);
      });
    });
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /**
   * Deals with the next request that is meant, and keeps its answer back: `taken` resolves once it was dealt with, and `answer`
   * lets the answer go.
   */
  hold(isMeant: (asked: Asked) => boolean = () => true): {
    readonly taken: Promise<void>;
    readonly answer: () => void;
  } {
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const taken = new Promise<void>((resolve) => {
      const wait = (asked: Asked): Promise<void> | undefined => {
        if (!isMeant(asked)) return undefined;
        this.holds.splice(this.holds.indexOf(wait), 1);
        resolve();
        return answered;
      };
      this.holds.push(wait);
    });
    return { taken, answer };
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** What the protocol answers. */
  abstract answerTo(asked: Asked): Given | Promise<Given>;

  private async respond(asked: Asked, response: ServerResponse, fault: Fault | undefined): Promise<void> {
    if (fault === 'silence') return;
    if (fault === 'cut') return void response.destroy();
    const { status, body, headers = {} } = typeof fault === 'object' ? fault : await this.answerTo(asked);
    await this.held(asked);
    if (fault === 'lost answer') return void response.destroy();
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  private async held(asked: Asked): Promise<void> {
    for (const hold of this.holds) {
      const held = hold(asked);
      if (held) return held;
    }
  }
}
