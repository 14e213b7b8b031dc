import { parseDuration } from '#libs/kernel';
import type { KeyFact, ReminderRules } from '#libs/keys';
import { EVERY_MS, GRACE_MS, refusalsOf, RETRY_AFTER_MS } from './schedules.js';
import { DAY_MS, START, type Act, type Recorded } from './year.js';

/** Something that has to be recorded, as a text that sorts and compares. */
function line(key: string, at: number, type: string, about: string): string {
  return `${key} ${new Date(at).toISOString()} ${type} ${about}`;
}

/**
 * What the workers must have recorded in the first `days` of the year, told from what people did alone: each step before each
 * date that was still to come, and one end for each key.
 */
export function expectedOf(
  acts: Iterable<Act>,
  rulesOf: ReadonlyMap<string, ReminderRules>,
  days: number,
): string[] {
  const lines: string[] = [];
  const yearEndsAt = START + days * DAY_MS;
  const all = [...acts];
  // It grows: each key with a schedule has a successor that lives as long, and so on.
  for (const act of all) {
    if (act.isScheduled) all.push(...rotateByItself(act, yearEndsAt, lines));
    const { rotationPeriod, reminders } = rulesOf.get(act.registry)!;
    const until = act.rotated?.at ?? Infinity;
    const steps = reminders.map((text) => ({ text, ms: parseDuration(text)! }));
    const remind = (type: string, date: number) => {
      for (const { text, ms } of steps) {
        const at = date - ms;
        if (ms < date - act.bornAt && at < until) lines.push(line(act.key, at, type, text));
      }
    };
    const rotateBy = rotationPeriod === null ? Infinity : act.bornAt + parseDuration(rotationPeriod)!;
    if (act.expiresAt !== null) remind('KeyExpiryReminded', act.expiresAt);
    if (Number.isFinite(rotateBy) && (act.expiresAt ?? Infinity) > rotateBy)
      remind('KeyRotationReminded', rotateBy);
    const graceEndsAt = act.rotated?.graceEndsAt ?? Infinity;
    const expiresAt = act.expiresAt ?? Infinity;
    if (graceEndsAt < expiresAt) lines.push(line(act.key, graceEndsAt, 'KeyRevoked', 'rotated'));
    else if (Number.isFinite(expiresAt)) lines.push(line(act.key, expiresAt, 'KeyExpired', ''));
  }
  const end = new Date(yearEndsAt).toISOString();
  return lines.filter((one) => one.split(' ')[1]! <= end).sort();
}

/** Writes down when the key is rotated, after what its target refuses; its successor, when that is in the year. */
function rotateByItself(act: Act, yearEndsAt: number, lines: string[]): Act[] {
  const { key, registry, bornAt, expiresAt } = act;
  let at = bornAt + EVERY_MS;
  for (const pause of RETRY_AFTER_MS.slice(0, refusalsOf(key))) {
    lines.push(line(key, at, 'RotationFailed', ''));
    at += pause;
  }
  lines.push(line(key, at, 'RotationDelivered', `${key}*`), line(key, at, 'KeyRotated', `${key}*`));
  act.rotated = { at, graceEndsAt: at + GRACE_MS };
  const ends = expiresAt === null ? null : at + (expiresAt - bornAt);
  return at > yearEndsAt
    ? []
    : [{ key: `${key}*`, registry, bornAt: at, expiresAt: ends, isScheduled: true }];
}

/** What they did record, at the time of the clock, in the same form. */
export function linesOf(recorded: readonly Recorded[]): string[] {
  return recorded.map(({ key, fact, at }) => line(key, at, fact.type, aboutOf(fact))).sort();
}

function aboutOf(fact: KeyFact): string {
  if (fact.type === 'KeyExpiryReminded' || fact.type === 'KeyRotationReminded') return fact.data.step;
  if (fact.type === 'RotationDelivered' || fact.type === 'KeyRotated') return fact.data.successor;
  return fact.type === 'KeyRevoked' ? fact.data.cause : '';
}
