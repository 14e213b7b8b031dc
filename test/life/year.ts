import {
  dueOf,
  endGrace,
  expireKey,
  failRotation,
  generateKey,
  generateSuccessor,
  inheritedLifetime,
  isRotationDue,
  keys,
  remindKey,
  rotateDelivered,
  rotateKey,
  scheduleRotation,
  successorOf,
  timesOf,
  type ExistingKey,
  type KeyFact,
  type KeyState,
  type ReminderRules,
} from '#libs/keys';
import type { Decision, RecordedFact } from '#libs/kernel';
import {
  dueKeys,
  dueReminders,
  dueRotations,
  endedGraces,
  endedSchedules,
  keyTable,
  reminderTable,
  rotationTable,
} from '#libs/read-models';
import { DEFAULT_POLICY } from '#libs/registries';
import { Database } from '#libs/sqlite';
import { EVERY_MS, GRACE_MS, LIFE_MIN_MS, refusalsOf, SCHEDULE } from './schedules.js';

export const START = Date.parse('2026-01-01T00:00:00.000Z');
export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const REGISTRIES = 10;
const END_OF_TIME = '9999-12-31T23:59:59.999Z';
const OWNERS = ['usr_owner'];
const TABLES = [keyTable, reminderTable, rotationTable];
/** Every so many keys one has a schedule, if it lives long enough. */
const SCHEDULED_EVERY = 5;
const TARGET = { subject: 'rot_a', iv: 'iv', ciphertext: 'ciphertext', commitment: 'ab'.repeat(32) };
/** A key has at most so many facts of workers in a year: more are a fault that would never end. */
const FACTS_PER_KEY_MAX = 100;

/** What was done by people, and by whom the oracle knows what has to follow. */
export interface Act {
  readonly key: string;
  readonly registry: string;
  readonly bornAt: number;
  readonly expiresAt: number | null;
  /** Whether it is rotated by itself, and its successors after it. */
  readonly isScheduled: boolean;
  /** When somebody rotated it, and when its grace ended. */
  rotated?: { readonly at: number; readonly graceEndsAt: number };
}

/** A fact that the workers recorded, and the time of the virtual clock when they did. */
export interface Recorded {
  readonly key: string;
  readonly fact: KeyFact;
  readonly at: number;
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

/**
 * A virtual clock over the tables and the deciders that the workers use: whatever is due next, by the tables, is done at its
 * time. People generate keys in the course of the year and rotate some of them after the last reminder; others are rotated by
 * themselves, and some of their targets refuse the first successors.
 */
export class Year {
  readonly acts = new Map<string, Act>();
  readonly recorded: Recorded[] = [];
  readonly rulesOf = new Map<string, ReminderRules>();
  private readonly database = new Database(':memory:');
  private readonly states = new Map<string, KeyState>();
  /** Keys that are rotated by themselves. */
  private readonly scheduled = new Set<string>();
  /** What people will do, soonest last. */
  private readonly plans: { readonly at: number; readonly run: () => void }[] = [];
  private position = 0n;
  private now = START;

  constructor(
    private readonly random: () => number,
    private readonly days: number,
  ) {
    for (const { schema, indexes } of TABLES) this.database.exec(schema + indexes);
    for (let number = 0; number < REGISTRIES; number++) this.rule(`reg_${number}`, number);
  }

  /** Keys that are born on any day of the year. */
  run(count: number): void {
    for (let number = 0; number < count; number++) {
      const at = START + Math.floor(this.random() * this.days * DAY_MS);
      const wantsSchedule = number % SCHEDULED_EVERY === 0;
      this.plan(at, () =>
        this.generate(`drk_${number}`, `reg_${number % REGISTRIES}`, { rotates: null, wantsSchedule }),
      );
    }
    const end = START + this.days * DAY_MS;
    while (this.step(end));
    this.now = end;
  }

  close(): void {
    this.database.close();
  }

  /** What is due next by the deciders' own account, over all keys: the tables must agree. */
  dueByDeciders(): string | undefined {
    let next: string | undefined;
    for (const state of this.states.values()) {
      const key = state as ExistingKey;
      const due = dueOf(timesOf(key), this.rulesOf.get(key.generated.registry)!)[0];
      const rotation = isRotationDue(state, END_OF_TIME) ? state.schedule.dueAt : undefined;
      for (const at of [due?.at, rotation])
        if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  dueByTables(): string | undefined {
    const { database } = this;
    const times = [
      dueReminders(database, END_OF_TIME, 1)[0]?.dueAt,
      // A key that is revoked at the end of its grace has an expiry behind it, which nobody records.
      dueKeys(database, END_OF_TIME, 1)[0]?.expiresAt,
      endedGraces(database, END_OF_TIME, 1)[0]?.graceEndsAt,
      dueRotations(database, END_OF_TIME, 1)[0]?.dueAt,
    ];
    return times.filter((time) => time !== undefined).sort()[0];
  }

  /** Does the next thing, of people or of workers; false at the end. */
  private step(end: number): boolean {
    const due = Date.parse(this.dueByTables() ?? END_OF_TIME);
    const planned = this.plans.at(-1)?.at ?? Infinity;
    const next = Math.min(due, planned);
    if (next > end) return false;
    this.now = Math.max(this.now, next);
    if (planned <= due) this.plans.pop()!.run();
    else this.sweep();
    return true;
  }

  /** What all workers find at this moment. */
  private sweep(): void {
    const now = iso(this.now);
    const before = this.recorded.length;
    for (const { id } of dueKeys(this.database, now, 100)) this.work(id, expireKey(now));
    for (const { id } of endedGraces(this.database, now, 100)) this.work(id, endGrace(now));
    for (const { id } of dueRotations(this.database, now, 100)) this.rotateByItself(id, now);
    for (const { id, registry } of dueReminders(this.database, now, 100)) {
      this.work(id, remindKey(now, this.rulesOf.get(registry)!, OWNERS));
    }
    if (endedSchedules(this.database, 1).length > 0) throw new Error('a schedule ended with its key');
    if (this.recorded.length > FACTS_PER_KEY_MAX * this.acts.size)
      throw new Error('a fact is repeated for ever');
    if (this.recorded.length === before) throw new Error(`nothing was done of what is due at ${now}`);
  }

  private work(id: string, decision: Decision<KeyState, KeyFact>): void {
    for (const fact of this.append(id, decision)) {
      this.recorded.push({ key: id, fact, at: this.now });
      if (fact.type === 'KeyExpiryReminded' || fact.type === 'KeyRotationReminded')
        this.heed(id, fact.data.step);
    }
  }

  /** Most people rotate a key some hours after they were told for the last time. */
  private heed(id: string, step: string): void {
    if (step !== 'P1D' || this.scheduled.has(id) || this.random() > 0.7) return;
    const graceMs = Math.floor(this.random() ** 3 * 30 * DAY_MS);
    this.plan(this.now + 1 + Math.floor(this.random() * 20 * HOUR_MS), () => this.rotate(id, graceMs));
  }

  private rotate(id: string, graceMs: number): void {
    const act = this.acts.get(id)!;
    const state = this.states.get(id)!;
    if (act.rotated || (state.status !== 'active' && state.status !== 'suspended')) return;
    const successor = `${id}+`;
    const [at, graceEndsAt] = [iso(this.now), iso(this.now + graceMs)];
    this.generate(successor, act.registry, { rotates: id, wantsSchedule: false });
    const link = { registry: act.registry, at, successor, graceEndsAt, bornAt: at };
    this.append(id, rotateKey(link));
    act.rotated = { at: this.now, graceEndsAt: this.now + graceMs };
  }

  /** As the worker does, with a target that answers at once. */
  private rotateByItself(id: string, at: string): void {
    const old = this.states.get(id)! as ExistingKey;
    const schedule = old.schedule!;
    if (schedule.failures < refusalsOf(id))
      return this.work(id, failRotation({ at, error: 'the target answered 503' }, schedule, OWNERS));
    const successor = `${id}*`;
    const life = inheritedLifetime(old);
    const expiresAt = life === undefined ? null : iso(this.now + life);
    const { registry, registryRevision } = old.generated;
    const born = { at, secretHash: 'cd'.repeat(32), registryRevision, expiresAt, rotates: id };
    this.append(successor, generateSuccessor(old, successorOf(old, born)));
    this.scheduled.add(successor);
    const graceEndsAt = iso(this.now + GRACE_MS);
    const link = { registry, at, successor, graceEndsAt, bornAt: at, copied: old, version: null };
    this.work(id, rotateDelivered(link, schedule));
  }

  private generate(
    id: string,
    registry: string,
    { rotates, wantsSchedule }: { readonly rotates: string | null; readonly wantsSchedule: boolean },
  ): void {
    const lives = [null, 5, 10, 30, 60, 90, 200, 400][Math.floor(this.random() * 8)]!;
    const expiresAt = lives === null ? null : this.now + lives * DAY_MS + Math.floor(this.random() * HOUR_MS);
    const isScheduled = wantsSchedule && (expiresAt === null || expiresAt - this.now >= LIFE_MIN_MS);
    this.acts.set(id, { key: id, registry, bornAt: this.now, expiresAt, isScheduled });
    const decision = generateKey({
      at: iso(this.now), registry, registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read',
      secretHash: 'ab'.repeat(32), expiresAt: expiresAt === null ? null : iso(expiresAt), description: null, labels: {},
      repositories: [], networks: [], expectedCountries: [], rotates, canary: false,
    }); // prettier-ignore
    this.append(id, decision);
    if (isScheduled) this.schedule(id, registry);
  }

  private schedule(id: string, registry: string): void {
    this.scheduled.add(id);
    const dueAt = iso(this.now + EVERY_MS);
    const data = { at: iso(this.now), registry, schedule: `rot_${id}`, ...SCHEDULE, kind: 'vault', target: TARGET, dueAt } as const; // prettier-ignore
    this.append(id, scheduleRotation(data));
  }

  private append(id: string, decision: Decision<KeyState, KeyFact>): readonly KeyFact[] {
    const state = this.states.get(id) ?? keys.initial;
    const facts = decision(state);
    this.states.set(id, facts.reduce(keys.evolve, state));
    for (const fact of facts) this.apply({ ...fact, category: 'key', id });
    return facts;
  }

  /** Registries differ in their steps, and in whether and when keys should be rotated. */
  private rule(registry: string, number: number): void {
    const rotationPeriod = [null, 'P90D', 'P30D', 'P45D', 'P180D'][number % 5]!;
    const reminders = [['P30D', 'P14D', 'P7D', 'P1D'], ['P1D'], ['P60D', 'P1D'], [], ['P3D', 'P1D', 'PT1H']][
      number % 4
    ]!;
    this.rulesOf.set(registry, { rotationPeriod, reminders });
    const policy = { ...DEFAULT_POLICY, rotationPeriod, reminders };
    const data = { at: iso(START), policy, changes: {} };
    this.apply({ type: 'RegistryPolicyChanged', data, category: 'registry', id: registry });
  }

  private apply(fact: { type: string; data: object; category: string; id: string }): void {
    const event = { ...fact, position: ++this.position } as unknown as RecordedFact;
    for (const { apply, categories } of TABLES) {
      if (categories.includes(fact.category)) apply(this.database, event);
    }
  }

  private plan(at: number, run: () => void): void {
    let place = this.plans.length;
    while (place > 0 && this.plans[place - 1]!.at < at) place--;
    this.plans.splice(place, 0, { at, run });
  }
}
