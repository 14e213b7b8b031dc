import type { Installation } from '../installation.js';
import type { LastUse } from '#libs/read-models';
import { Redis } from '#libs/redis';
import { USAGE_ACTIONS, type AcceptedUse } from '#libs/usage';

/** Whoever asks for the last use of a key sees it within a second. */
const SAY_EVERY_MS = 250;
/** Keys of one round; of more than these the facts alone tell. */
const KEYS_MAX = 20_000;
/** By then the facts tell it; what is used goes on living. */
const KEPT_SECONDS = 86_400;

/**
 * The last use of each key, to the second, in Redis: one hash for each registry, written four times a second beside all
 * requests. Nothing depends on it: without Redis the facts in the log alone tell, which know the first use of each minute
 * within a second, and the last when the minute is over.
 */
export class LiveLastUses {
  #used = new Map<string, { readonly registry: string; readonly use: LastUse }>();
  #timer: NodeJS.Timeout | undefined;
  #saying = false;

  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /** `now` is in ms since 1970. Neither waits nor throws. */
  used({ registry, key, ...use }: AcceptedUse, now: number): void {
    if (this.#used.size >= KEYS_MAX && !this.#used.has(key)) return;
    const { network, country, client, repository = null, action } = use;
    const at = new Date(now).toISOString();
    this.#used.set(key, { registry, use: { at, network, country, client, repository, action } });
  }

  start(): void {
    this.#timer = setInterval(() => void this.#say(), SAY_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What Redis knows of these keys; nothing when it is away. */
  async of(registry: string, keys: readonly string[]): Promise<Map<string, LastUse>> {
    const found = new Map<string, LastUse>();
    if (keys.length === 0 || this.redis.status !== 'ready') return found;
    const texts = await this.redis.hmget(this.#nameOf(registry), ...keys).catch(() => []);
    texts.forEach((text, index) => {
      const use = text === null ? undefined : parsed(text);
      if (use) found.set(keys[index]!, use);
    });
    return found;
  }

  async #say(): Promise<void> {
    if (this.#saying || this.#used.size === 0) return;
    const used = this.#used;
    this.#used = new Map();
    if (this.redis.status !== 'ready') return;
    this.#saying = true;
    const pipeline = this.redis.pipeline();
    for (const [registry, fields] of byRegistry(used)) {
      pipeline.hset(this.#nameOf(registry), fields).expire(this.#nameOf(registry), KEPT_SECONDS);
    }
    await pipeline.exec().catch(() => undefined);
    this.#saying = false;
  }

  #nameOf(registry: string): string {
    return this.installation.redisKey('last-uses', registry);
  }
}

function byRegistry(
  used: ReadonlyMap<string, { readonly registry: string; readonly use: LastUse }>,
): Map<string, Record<string, string>> {
  const hashes = new Map<string, Record<string, string>>();
  for (const [key, { registry, use }] of used) {
    const fields = hashes.get(registry) ?? {};
    hashes.set(registry, fields);
    fields[key] = JSON.stringify(use);
  }
  return hashes;
}

/** What another release wrote there may have another form: it is passed over. */
function parsed(text: string): LastUse | undefined {
  try {
    const use = JSON.parse(text) as LastUse;
    const isUse = typeof use.at === 'string' && (USAGE_ACTIONS as readonly string[]).includes(use.action);
    return isUse ? use : undefined;
  } catch {
    return undefined;
  }
}
