/**
 * Counts what the gate decides, in bounded memory, and says which facts are due. The gate calls `accept` or `deny` once a
 * decision, `finish` when an accepted request has been answered, and `take` about four times a second; it appends what `take`
 * returns, each group to its own stream, and keeps a group whose append failed for a later try. Nothing here waits or throws.
 *
 * A part of a key's minute is due when it is the first of the minute, when it has a place that the minute did not have yet,
 * and when the minute has grown GROWTH-fold since the part before, each half a second after its first request (TOGETHER_MS);
 * and when the minute is over. The same holds for refusals of one kind, without the half second. So a steady key costs two
 * facts a minute, and one that takes off is seen within a second.
 */
import type { UsageAction, UsageFact } from './facts.js';
import { DenialCount, denialName, type DeniedUse } from './denial-count.js';
import { type AcceptedUse, KeyMinute } from './key-minute.js';

const MINUTE_MS = 60_000;
/** How many times as many requests as were written before make a part due within the minute: 1, 16, 256, … requests. */
const GROWTH = 16;
/** Keys counted at once: one takes about 1.5 kB, and this many in use in one minute are more than one gate serves. */
export const KEYS_COUNTED_MAX = 50_000;
/** Kinds of refusals counted at once, in all and of one registry: whoever makes them up crowds out only his own registry's. */
export const DENIALS_COUNTED_MAX = 8192;
export const DENIALS_OF_REGISTRY_MAX = 256;
/** What a client does at one go, signing in and then pushing, is told as one part: rules judge what a part shows. */
export const TOGETHER_MS = 500;
/** Parts of one minute, at most; what comes then waits for the end of the minute. */
const PARTS_MAX = 8;

export interface UsageLimits {
  readonly keys: number;
  readonly denials: number;
  readonly denialsOfRegistry: number;
}

/** How an accepted request ended. */
export interface FinishedUse {
  readonly registry: string;
  readonly key: string;
  readonly action: UsageAction;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Whether the registry behind answered with an error, or the transfer broke off. */
  readonly failed: boolean;
}

/** Facts of one stream. */
export interface TakenUsage {
  readonly registry: string;
  /** `yyyy-mm-dd`: with the registry and the incarnation it names the stream (`usageStreamId`). */
  readonly day: string;
  readonly facts: UsageFact[];
}

export class UsageCounter {
  /** By key id; at most two minutes of a key: the one that ended, until it is taken, and the current one. */
  readonly #keys = new Map<string, KeyMinute>();
  readonly #ended: KeyMinute[] = [];
  readonly #denials = new Map<string, DenialCount>();
  readonly #endedDenials: DenialCount[] = [];
  /** By `groupOf`. */
  readonly #denialsOfGroup = new Map<string, number>();
  #dropped = 0;

  constructor(
    private readonly limits: UsageLimits = {
      keys: KEYS_COUNTED_MAX,
      denials: DENIALS_COUNTED_MAX,
      denialsOfRegistry: DENIALS_OF_REGISTRY_MAX,
    },
  ) {}

  /** Requests and refusals since the start that were not counted because the limits were reached: for a metric. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Keys and kinds of refusals counted at the moment: for a metric. */
  get size(): { readonly keys: number; readonly denials: number } {
    return {
      keys: this.#keys.size + this.#ended.length,
      denials: this.#denials.size + this.#endedDenials.length,
    };
  }

  /** `now` is in ms since the epoch, `applied` the position of the log that the decision was made at. */
  accept(use: AcceptedUse, now: number, applied: bigint): void {
    const counted = this.#minuteOf(use, now, applied);
    if (counted) counted.accept(use, now, applied);
    else this.#dropped += 1;
  }

  /** Its bytes count in the minute in which it ended. */
  finish(use: FinishedUse, now: number, applied: bigint): void {
    this.#minuteOf(use, now, applied)?.finish(use.action, use.bytesUp, use.bytesDown, use.failed);
  }

  deny(use: DeniedUse, now: number, applied: bigint): void {
    const name = denialName(use);
    const minute = minuteOf(now);
    let counted = this.#denials.get(name);
    if (counted && counted.minute < minute) {
      this.#end(name, counted);
      counted = undefined;
    }
    counted ??= this.#newDenial(name, use, minute, applied);
    if (counted) counted.deny(use, now, applied);
    else this.#dropped += 1;
  }

  /** The facts that are due; `all`: whatever was counted, when the process ends. */
  take(now: number, all = false): TakenUsage[] {
    this.#endMinutes(minuteOf(now));
    const groups = new Map<string, TakenUsage>();
    for (const ended of this.#ended.splice(0)) if (!ended.isEmpty) collect(groups, ended, now);
    for (const ended of this.#endedDenials.splice(0)) if (ended.fresh > 0) collect(groups, ended, now);
    for (const counted of this.#keys.values()) {
      if (all ? !counted.isEmpty : isDue(counted, now)) collect(groups, counted, now);
    }
    for (const counted of this.#denials.values()) {
      if (all ? counted.fresh > 0 : hasGrown(counted)) collect(groups, counted, now);
    }
    return [...groups.values()];
  }

  #minuteOf(
    { registry, key }: { registry: string; key: string },
    now: number,
    applied: bigint,
  ): KeyMinute | undefined {
    const minute = minuteOf(now);
    const counted = this.#keys.get(key);
    // A clock that steps back counts into the later minute: a minute is never begun twice.
    if (counted && counted.minute >= minute) return counted;
    if (counted) {
      this.#keys.delete(key);
      this.#ended.push(counted);
    }
    if (this.#keys.size + this.#ended.length >= this.limits.keys) return undefined;
    const begun = new KeyMinute(registry, key, minute, applied);
    this.#keys.set(key, begun);
    return begun;
  }

  #newDenial(name: string, use: DeniedUse, minute: number, applied: bigint): DenialCount | undefined {
    const group = groupOf(use);
    const ofGroup = this.#denialsOfGroup.get(group) ?? 0;
    // Strangers can fill their share with noise; a refusal of whoever has the secret is counted all the same.
    const most = use.proven ? 2 * this.limits.denials : this.limits.denials;
    const isFull = this.#denials.size + this.#endedDenials.length >= most;
    if (isFull || ofGroup >= this.limits.denialsOfRegistry) return undefined;
    const begun = new DenialCount(use, minute, applied);
    this.#denials.set(name, begun);
    this.#denialsOfGroup.set(group, ofGroup + 1);
    return begun;
  }

  #end(name: string, counted: DenialCount): void {
    this.#denials.delete(name);
    const group = groupOf(counted);
    const left = (this.#denialsOfGroup.get(group) ?? 1) - 1;
    if (left === 0) this.#denialsOfGroup.delete(group);
    else this.#denialsOfGroup.set(group, left);
    this.#endedDenials.push(counted);
  }

  #endMinutes(minute: number): void {
    for (const [key, counted] of this.#keys) {
      if (counted.minute >= minute) continue;
      this.#keys.delete(key);
      this.#ended.push(counted);
    }
    for (const [name, counted] of this.#denials) if (counted.minute < minute) this.#end(name, counted);
  }
}

/** Kinds of refusals are limited by registry, those of proven secrets apart. */
function groupOf({ registry, proven }: Pick<DeniedUse, 'registry' | 'proven'>): string {
  return proven ? `${registry} proven` : registry;
}

function minuteOf(time: number): number {
  return time - (time % MINUTE_MS);
}

/** Also for the first part, of which nothing was written before. */
function hasGrown({ written, fresh }: { written: number; fresh: number }): boolean {
  return fresh > 0 && written + fresh >= written * GROWTH;
}

function isDue(counted: KeyMinute, now: number): boolean {
  const isWhole = now - counted.freshSince >= TOGETHER_MS;
  return isWhole && counted.part < PARTS_MAX && (counted.hasNewPlace || hasGrown(counted));
}

function collect(groups: Map<string, TakenUsage>, counted: KeyMinute | DenialCount, now: number): void {
  const day = new Date(counted.minute).toISOString().slice(0, 10);
  const name = `${counted.registry} ${day}`;
  const group = groups.get(name) ?? { registry: counted.registry, day, facts: [] };
  groups.set(name, group);
  group.facts.push(counted.take(now));
}
