import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** One connection through the relay. */
interface Pair {
  readonly client: Socket;
  readonly target: Socket;
}

/**
 * A TCP relay on a port of its own whose target can move, be cut off, frozen, late or slow: an outage without an outage.
 */
export class Relay {
  private readonly pairs = new Set<Pair>();
  private mode: 'open' | 'frozen' | 'withholding' | 'cut' = 'open';
  private latencyMs = 0;
  private server!: Server;

  private constructor(private target: number | string) {}

  /** `target`: a port on 127.0.0.1, or the path of a unix socket. */
  static async to(target: number | string): Promise<Relay> {
    const relay = new Relay(target);
    relay.server = createServer((client) => relay.accept(client));
    await new Promise<void>((resolve) => relay.server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** How many go through it now. */
  get connections(): number {
    return this.pairs.size;
  }

  /** Ends all connections and refuses new ones. */
  cut(): void {
    this.mode = 'cut';
    for (const { client, target } of this.pairs) [client, target].forEach((socket) => socket.destroy());
  }

  /** Keeps connections and accepts new ones, but no byte passes. */
  freeze(): void {
    this.mode = 'frozen';
    this.pairs.forEach((pair) => this.hold(pair));
  }

  /** Requests reach the target, which acts on them, but its answers are held back. */
  withholdAnswers(): void {
    this.mode = 'withholding';
    this.pairs.forEach((pair) => this.hold(pair));
  }

  /** Every piece takes this long in each direction, in order. */
  slowDown(latencyMs: number): void {
    this.latencyMs = latencyMs;
  }

  /** Lets everything pass again, at full speed, to another port when one is given. */
  open(target = this.target): void {
    this.target = target;
    this.mode = 'open';
    this.latencyMs = 0;
    for (const { client, target } of this.pairs) [client, target].forEach((socket) => socket.resume());
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    if (this.mode === 'cut') return void client.destroy();
    const target = typeof this.target === 'string' ? connect(this.target) : connect(this.target, '127.0.0.1');
    const pair = { client, target };
    this.pairs.add(pair);
    for (const socket of [client, target]) {
      // Otherwise small messages would wait for the acknowledgement of the one before, up to 40 ms each.
      socket.setNoDelay();
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.pairs.delete(pair);
        [client, target].forEach((each) => each.destroy());
      });
    }
    client.on('data', (bytes: Buffer) => this.pass(bytes, target));
    target.on('data', (bytes: Buffer) => this.pass(bytes, client));
    this.hold(pair);
  }

  private hold({ client, target }: Pair): void {
    if (this.mode === 'frozen') client.pause();
    if (this.mode === 'frozen' || this.mode === 'withholding') target.pause();
  }

  private pass(bytes: Buffer, to: Socket): void {
    if (this.latencyMs === 0) to.write(bytes);
    else setTimeout(() => to.writable && to.write(bytes), this.latencyMs);
  }
}
