import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Redis } from '#libs/redis';
import { Installation } from '../../installation.js';

/** Events that this process remembers: 50 bytes each, and hours of a busy registry. */
const REMEMBERED_MAX = 50_000;
/** A registry tries again for some minutes, at this node or another. */
const KEPT_SECONDS = 3_600;
/** The registry behind the gate waits for the answer. */
const REDIS_WITHIN_MS = 50;
/** Of 128 bits no two events have the same. */
const NAME_CHARACTERS = 22;

/** Tells which events of notifications are new: a registry sends one again when it has not seen the answer. */
@Injectable()
export class SeenNotifications {
  readonly #seen = new Set<string>();

  constructor(
    private readonly redis: Redis,
    private readonly installation: Installation,
  ) {}

  /**
   * Of each of the ids whether it is new to all nodes; from now on it is not. Without Redis, or when it is slow, what this
   * process remembers decides alone.
   */
  async areNew(registry: string, ids: readonly string[]): Promise<boolean[]> {
    const names = ids.map((id) => nameOf(registry, id));
    const isNew = names.map((name) => this.#isNewHere(name));
    const asked = names.filter((_, index) => isNew[index]);
    if (asked.length === 0 || this.redis.status !== 'ready') return isNew;
    const pipeline = this.redis.pipeline();
    for (const name of asked)
      pipeline.set(this.installation.redisKey('notified', name), '1', 'EX', KEPT_SECONDS, 'NX');
    const abort = new AbortController();
    const late = delay(REDIS_WITHIN_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    const results = await Promise.race([pipeline.exec().catch(() => undefined), late]);
    abort.abort();
    const known = new Set(
      asked.filter((_, index) => results?.[index]?.[0] === null && results[index][1] === null),
    );
    return names.map((name, index) => isNew[index]! && !known.has(name));
  }

  #isNewHere(name: string): boolean {
    if (this.#seen.has(name)) return false;
    if (this.#seen.size >= REMEMBERED_MAX) {
      const [oldest] = this.#seen;
      this.#seen.delete(oldest!);
    }
    this.#seen.add(name);
    return true;
  }
}

function nameOf(registry: string, id: string): string {
  return createHash('sha256').update(`${registry} ${id}`).digest('base64url').slice(0, NAME_CHARACTERS);
}
