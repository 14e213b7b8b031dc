import { parseDuration, Refusal, type Decision } from '#libs/kernel';
import { living, type OnKey } from './decisions.js';
import { isLiving, reminderOf, type ExistingKey, type KeyFact, type KeyState, type Reminder } from './key.js';
import { endOf, rotateBy, timeText } from './lifetimes.js';

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
  const due = subjectsOf(times, rules).flatMap((subject) => {
    const next = Math.max(...stepsLeft(subject, times, rules).map(({ ms }) => ms));
    if (!Number.isFinite(next)) return [];
    const at = Math.max(Date.parse(subject.date) - next, Date.parse(times.snoozedUntil ?? subject.bornAt));
    // An expiry that is over is no news; a rotation that is overdue still is.
    return subject.of === 'expiry' && at >= Date.parse(subject.date) ? [] : [at];
  });
  return due.length === 0 ? null : timeText(Math.min(...due));
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
    return subjectsOf(times, rules).flatMap(({ of, date, ...subject }): KeyFact[] => {
      if (of === 'expiry' && Date.parse(date) <= Date.parse(now)) return [];
      const passed = stepsLeft({ of, date, ...subject }, times, rules).filter(
        ({ ms }) => Date.parse(date) - ms <= Date.parse(now),
      );
      const step = passed.at(-1)?.text;
      if (step === undefined) return [];
      return of === 'expiry'
        ? [{ type: 'KeyExpiryReminded', data: { ...common, step, expiresAt: date, recipients } }]
        : [{ type: 'KeyRotationReminded', data: { ...common, step, rotateBy: date, recipients } }];
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

/** What people are reminded of: a date, and from when on the way to it counts. */
interface Subject {
  readonly of: Reminder['of'];
  readonly date: string;
  readonly bornAt: string;
}

/** None for a key that has a successor. A key that expires before it should be rotated needs no word of the rotation. */
function subjectsOf(
  { createdAt, expiresAt, rotation }: KeyTimes,
  { rotationPeriod }: ReminderRules,
): Subject[] {
  if (rotation) return [];
  const dateOfRotation = rotateBy(createdAt, rotationPeriod);
  const expiresFirst =
    expiresAt !== null && dateOfRotation !== null && Date.parse(expiresAt) <= Date.parse(dateOfRotation);
  return [
    ...(expiresAt === null ? [] : [{ of: 'expiry' as const, date: expiresAt, bornAt: createdAt }]),
    ...(dateOfRotation === null || expiresFirst
      ? []
      : [{ of: 'rotation' as const, date: dateOfRotation, bornAt: createdAt }]),
  ];
}

/**
 * Steps that are yet to come for a date, the longest first: shorter than the whole way to it, and shorter than those that
 * were said.
 */
function stepsLeft({ of, date, bornAt }: Subject, { reminders }: KeyTimes, rules: ReminderRules): Step[] {
  const way = Date.parse(date) - Date.parse(bornAt);
  const said = reminders.filter((reminder) => reminder.of === of && reminder.date === date);
  const shortest = Math.min(way, ...said.map(({ step }) => parseDuration(step) ?? 0));
  return rules.reminders
    .map((text) => ({ text, ms: parseDuration(text) ?? 0 }))
    .filter(({ ms }) => ms > 0 && ms < shortest)
    .sort((one, other) => other.ms - one.ms);
}

function bornTimes({ at, expiresAt }: { readonly at: string; readonly expiresAt: string | null }): KeyTimes {
  return { createdAt: at, expiresAt, rotation: null, ended: false, snoozedUntil: null, reminders: [] };
}
