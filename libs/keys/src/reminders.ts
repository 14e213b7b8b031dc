import { parseDuration, Refusal, type Decision } from '#libs/kernel';
import { living, type OnKey } from './decisions.js';
import { isLiving, reminderOf, type ExistingKey, type KeyFact, type KeyState, type Reminder } from './key.js';
import { endOf, TIME_MAX_MS, timeText } from './lifetimes.js';

/** What of a key decides when something is due. */
export interface KeyTimes {
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly rotation: { readonly graceEndsAt: string } | null;
  /** Whether an end is recorded. */
  readonly ended: boolean;
  readonly snoozedUntil: string | null;
  readonly reminders: readonly Reminder[];
}

/** What of a registry's policy decides it. */
export interface ReminderRules {
  readonly rotationPeriod: string | null;
  readonly reminders: readonly string[];
}

/** What is due for a key by itself, and when: its end is to be recorded, or people are to be reminded. */
export interface Due {
  readonly what: 'expiry' | 'grace-end' | 'reminder';
  readonly at: string;
}

/** A step of the policy, read. */
interface Step {
  readonly text: string;
  readonly ms: number;
}

/** Longer than a year nobody means to be left alone. */
const SNOOZE_MAX_MS = 366 * 86_400_000;

/** The times of a key's state. */
export function timesOf(key: ExistingKey): KeyTimes {
  const { generated, expiresAt, rotation, snoozedUntil, reminders } = key;
  const grace = rotation && { graceEndsAt: rotation.graceEndsAt };
  const times = { createdAt: generated.at, expiresAt, rotation: grace, ended: !isLiving(key) };
  return { ...times, snoozedUntil, reminders };
}

/** The times after a fact of the key's stream; the very same object when it changes none of them. As `keys` folds them. */
export function timesAfter(times: KeyTimes | undefined, fact: KeyFact): KeyTimes | undefined {
  if (times === undefined) return fact.type === 'KeyGenerated' ? bornTimes(fact.data) : undefined;
  switch (fact.type) {
    case 'KeyChanged': {
      const { expiresAt } = fact.data.changes;
      return times.ended || expiresAt === undefined ? times : { ...times, expiresAt };
    }
    case 'KeyRotated': {
      const { graceEndsAt } = fact.data;
      return times.ended || times.rotation ? times : { ...times, rotation: { graceEndsAt } };
    }
    case 'KeyRevoked':
    case 'KeyExpired':
      return times.ended ? times : { ...times, ended: true };
    case 'KeyExpiryReminded':
    case 'KeyRotationReminded':
      return { ...times, reminders: [...times.reminders, reminderOf(fact)] };
    case 'ReminderSnoozed':
      return { ...times, snoozedUntil: fact.data.until };
    default:
      return times;
  }
}

/** Everything that is due for the key by itself from now on, the next first; nothing for one that has ended. */
export function dueOf(times: KeyTimes, rules: ReminderRules): Due[] {
  if (times.ended) return [];
  const end = endOf(times);
  const reminder = reminderDueAt(times, rules);
  return [
    ...(reminder === null ? [] : [{ what: 'reminder' as const, at: reminder }]),
    ...(end
      ? [{ what: end.as === 'expired' ? ('expiry' as const) : ('grace-end' as const), at: end.at }]
      : []),
  ].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

/** When people are to be reminded next (RFC 3339); null: never. A time that is past means now. */
export function reminderDueAt(times: KeyTimes, rules: ReminderRules): string | null {
  let due = Infinity;
  const notBefore = times.snoozedUntil === null ? -Infinity : Date.parse(times.snoozedUntil);
  for (const subject of subjectsOf(times, rules)) {
    const next = stepsLeft(subject, times, rules)[0];
    if (next === undefined) continue;
    const at = Math.max(subject.date - next.ms, notBefore);
    // An expiry that is over is no news; a rotation that is overdue still is.
    if (subject.of === 'rotation' || at < subject.date) due = Math.min(due, at);
  }
  return due === Infinity ? null : timeText(due);
}

/**
 * Reminds people of what is due at `now`, each step of each date once. Of several steps whose time has passed only the most
 * urgent is said: nobody wants four messages after an outage. Adds nothing when nothing is due. Told are the key's creator
 * and the owners of its registry (ids of users).
 */
export function remindKey(
  now: string,
  rules: ReminderRules,
  owners: readonly string[],
): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status === 'none' || !isLiving(state)) return [];
    const times = timesOf(state);
    if (times.snoozedUntil !== null && Date.parse(times.snoozedUntil) > Date.parse(now)) return [];
    const recipients = [...new Set([state.generated.createdBy, ...owners])];
    const common = { at: now, registry: state.generated.registry };
    const moment = Date.parse(now);
    return subjectsOf(times, rules).flatMap((subject): KeyFact[] => {
      const { of, date } = subject;
      if (of === 'expiry' && date <= moment) return [];
      const step = stepsLeft(subject, times, rules).findLast(({ ms }) => date - ms <= moment)?.text;
      if (step === undefined) return [];
      return of === 'expiry'
        ? [{ type: 'KeyExpiryReminded', data: { ...common, step, expiresAt: timeText(date), recipients } }]
        : [{ type: 'KeyRotationReminded', data: { ...common, step, rotateBy: timeText(date), recipients } }];
    });
  };
}

/** Nobody is reminded before `until`, at most a year ahead. The same again adds nothing; a key that has ended is refused. */
export function snoozeReminders(command: OnKey & { readonly until: string }): Decision<KeyState, KeyFact> {
  const { registry, at, until } = command;
  return (state) => {
    if (living(state, command).snoozedUntil === until) return [];
    const ahead = Date.parse(until) - Date.parse(at);
    if (!(ahead > 0 && ahead <= SNOOZE_MAX_MS)) {
      throw new Refusal('invalid-value', 'reminders are snoozed until a time within the next year', {
        field: '/until',
      });
    }
    return [{ type: 'ReminderSnoozed', data: { at, registry, until } }];
  };
}

/** What people are reminded of: a date, and how long the way to it is from the birth of the key, in milliseconds. */
interface Subject {
  readonly of: Reminder['of'];
  readonly date: number;
  readonly way: number;
}

/** None for a key that has a successor. A key that expires before it should be rotated needs no word of the rotation. */
function subjectsOf(
  { createdAt, expiresAt, rotation }: KeyTimes,
  { rotationPeriod }: ReminderRules,
): Subject[] {
  if (rotation) return [];
  const born = Date.parse(createdAt);
  const expiry = expiresAt === null ? Infinity : Date.parse(expiresAt);
  const period = rotationPeriod === null ? Infinity : (parseDuration(rotationPeriod) ?? Infinity);
  // Beyond the year 9999 nothing is due: see timeText.
  const dateOfRotation = born + period <= TIME_MAX_MS ? born + period : Infinity;
  const subjects: Subject[] = [];
  if (expiry !== Infinity) subjects.push({ of: 'expiry', date: expiry, way: expiry - born });
  if (dateOfRotation < expiry) subjects.push({ of: 'rotation', date: dateOfRotation, way: period });
  return subjects;
}

/**
 * Steps that are yet to come for a date, the longest first: shorter than the whole way to it, and shorter than those that
 * were said.
 */
function stepsLeft({ of, date, way }: Subject, { reminders }: KeyTimes, rules: ReminderRules): Step[] {
  let shortest = way;
  for (const said of reminders) {
    if (said.of === of && Date.parse(said.date) === date) {
      shortest = Math.min(shortest, parseDuration(said.step) ?? 0);
    }
  }
  return stepsOf(rules).filter(({ ms }) => ms < shortest);
}

/** Read once for each policy: a change of it concerns all keys of a registry. */
const readSteps = new WeakMap<ReminderRules, Step[]>();

/** The longest first. */
function stepsOf(rules: ReminderRules): Step[] {
  let steps = readSteps.get(rules);
  if (!steps) {
    steps = rules.reminders
      .map((text) => ({ text, ms: parseDuration(text) ?? 0 }))
      .filter(({ ms }) => ms > 0)
      .sort((one, other) => other.ms - one.ms);
    readSteps.set(rules, steps);
  }
  return steps;
}

function bornTimes({ at, expiresAt }: { readonly at: string; readonly expiresAt: string | null }): KeyTimes {
  return { createdAt: at, expiresAt, rotation: null, ended: false, snoozedUntil: null, reminders: [] };
}
