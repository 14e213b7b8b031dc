import { KurrentDBClient } from '@kurrent/kurrentdb-client';

/** Notices a dead connection after about 15 s instead of 20 s; the client prints a warning below an interval of 10 s. */
const KEEP_ALIVE = { keepAliveInterval: '10000', keepAliveTimeout: '5000' };
/** gRPC status of an outage: what makes the client give its channel up. */
const UNAVAILABLE = 14;

/** What the client keeps to itself: its gRPC channel. The version is pinned, and the constructor looks whether it is there. */
interface ClientInternals {
  createChannel: () => Promise<Channel>;
  readonly handleError: (call: { getChannel: () => Channel }, error: Error) => Promise<void>;
}

/** Of `@grpc/grpc-js`, with what lies behind it. */
interface Channel {
  readonly constructor: unknown;
  readonly internalChannel: {
    readonly credentials: unknown;
    readonly options: object;
    readonly wrappedSubchannels: Iterable<{ getRealSubchannel(): Subchannel }>;
  };
  getTarget(): string;
  close(): void;
}
/** One TCP connection, and the pause before the next try to make it. */
interface Subchannel {
  readonly backoffTimeout: { stop(): void };
}
type ChannelClass = new (target: string, credentials: unknown, options: object) => Channel;

/**
 * A client object for appends and subscriptions, whose connection can be thrown away without the object: each new object
 * costs 5 ms and 110 kB of the native bridge's memory that no garbage collection gives back, and an outage of an hour
 * takes thousands of attempts.
 */
export class RenewableClient {
  readonly client: KurrentDBClient;
  private readonly internals: ClientInternals;
  private channel: Channel | undefined;

  constructor(connectionString: string) {
    this.client = KurrentDBClient.connectionString(withKeepAlive(connectionString));
    this.internals = this.client as unknown as ClientInternals;
    const { createChannel, handleError } = this.internals;
    if (!createChannel || !handleError) {
      throw new Error('this version of the event store client does not let go of its channel');
    }
    this.internals.createChannel = async () => (this.channel = ownChannel(await createChannel()));
  }

  /**
   * Ends every call that is under way, and the connection. Once the answer has resolved the next call makes a new one, and
   * tries at once.
   */
  async renew(): Promise<void> {
    void this.client.dispose().catch(() => undefined);
    await this.forgetChannel();
  }

  /** As `renew`, and waits for the calls to end. */
  async close(): Promise<void> {
    const disposed = this.client.dispose();
    await this.forgetChannel();
    await disposed;
  }

  /** As after an outage: the client closes the channel, and asks the next server anew about its features. */
  private async forgetChannel(): Promise<void> {
    const { channel } = this;
    this.channel = undefined;
    if (!channel) return;
    const outage = Object.assign(new Error('the connection is renewed'), { code: UNAVAILABLE });
    await this.internals.handleError({ getChannel: () => channel }, outage);
  }
}

/**
 * The same channel with connections of its own. In gRPC's pool they would be shared with the channel before, and with them
 * the pause before the next try to connect (1 s, then up to 2 minutes): it would outlast the outage.
 */
function ownChannel(channel: Channel): Channel {
  const { credentials, options } = channel.internalChannel;
  channel.close();
  const separate = { ...options, 'grpc.use_local_subchannel_pool': 1 };
  const own = new (channel.constructor as ChannelClass)(channel.getTarget(), credentials, separate);
  const close = own.close.bind(own);
  own.close = () => {
    // Whatever waits for its next try would make it after the end, and then stay connected for nobody.
    for (const each of own.internalChannel.wrappedSubchannels) each.getRealSubchannel().backoffTimeout.stop();
    close();
  };
  return own;
}

/** The connection string, with our own values where it names none. */
export function withKeepAlive(connectionString: string): string {
  const [base, query = ''] = connectionString.split('?', 2) as [string, string?];
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(KEEP_ALIVE)) {
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return `${base}?${parameters.toString()}`;
}
