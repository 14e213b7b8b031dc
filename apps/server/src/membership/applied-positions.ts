import type { Installation } from '../installation.js';
import { connectRedis, connectRedisForQueues, type Redis, type RedisTarget } from '#libs/redis';

/** A process that is gone leaves its position behind for this long; a member says it again at every renewal. */
const KEPT_MS = 3_600_000;

const POSITION = /^\d{1,20}$/;

export type AppliedListener = (incarnation: string, position: bigint) => void;

/**
 * What the members of the installation say in Redis about how far they have applied the log to memory. It makes a
 * revocation fast and is never needed for it to be right: what is lost here costs the wait for the end of a lease.
 */
export class AppliedPositions {
  private readonly commands: Redis;
  private readonly subscriber: Redis;
  private readonly channel: string;
  private own: { readonly incarnation: string; position: bigint } | undefined;
  private said = -1n;
  private saying = false;

  constructor(
    target: RedisTarget,
    private readonly installation: Installation,
    private readonly onApplied: AppliedListener,
  ) {
    this.channel = installation.redisKey('applied');
    this.commands = connectRedis(target);
    this.subscriber = connectRedisForQueues(target);
    this.subscriber.on('message', (_channel, message: string) => this.heard(message));
    this.subscriber.subscribe(this.channel).catch(() => undefined);
    // Whatever was said while Redis was away, or before it was flushed, is said again.
    this.commands.on('ready', () => this.repeat());
  }

  /** Says how far this member is; never awaited. The newest position alone matters, so at most one call is under way. */
  say(incarnation: string, position: bigint): void {
    this.own = { incarnation, position };
    if (!this.saying && position > this.said) void this.tell();
  }

  /** Says the newest position once more. */
  repeat(): void {
    this.said = -1n;
    if (this.own && !this.saying) void this.tell();
  }

  /** Asks what these members have said last; the answers come to the listener. Quiet when Redis is away. */
  async ask(incarnations: readonly string[]): Promise<void> {
    if (incarnations.length === 0) return;
    const keys = incarnations.map((incarnation) => this.key(incarnation));
    const positions = await this.commands.mget(keys).catch(() => []);
    positions.forEach((position, index) => {
      if (position !== null && POSITION.test(position))
        this.onApplied(incarnations[index]!, BigInt(position));
    });
  }

  close(): void {
    this.commands.disconnect();
    this.subscriber.disconnect();
  }

  private async tell(): Promise<void> {
    this.saying = true;
    try {
      while (this.own && this.own.position > this.said) {
        const { incarnation, position } = this.own;
        const text = position.toString();
        // Set before it is told: a repetition that is asked for meanwhile must not be forgotten.
        this.said = position;
        const results = await this.commands
          .pipeline()
          .set(this.key(incarnation), text, 'PX', KEPT_MS)
          .publish(this.channel, `${incarnation} ${text}`)
          .exec();
        if (results?.some(([error]) => error !== null)) break;
      }
    } catch {
      // Redis is away. `ready`, or the next renewal of the lease, says it again.
    } finally {
      this.saying = false;
    }
  }

  private heard(message: string): void {
    const [incarnation, position] = message.split(' ');
    if (incarnation && position && POSITION.test(position)) this.onApplied(incarnation, BigInt(position));
  }

  private key(incarnation: string): string {
    return this.installation.redisKey('applied', incarnation);
  }
}
