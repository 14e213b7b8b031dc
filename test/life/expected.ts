import { parseDuration } from '#libs/kernel';
import type { KeyFact, ReminderRules } from '#libs/keys';
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
  for (const act of acts) {
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
  const end = new Date(START + days * DAY_MS).toISOString();
  return lines.filter((one) => one.split(' ')[1]! <= end).sort();
}

/** What they did record, at the time of the clock, in the same form. */
export function linesOf(recorded: readonly Recorded[]): string[] {
  return recorded.map(({ key, fact, at }) => line(key, at, fact.type, aboutOf(fact))).sort();
}

function aboutOf(fact: KeyFact): string {
  if (fact.type === 'KeyExpiryReminded' || fact.type === 'KeyRotationReminded') return fact.data.step;
  return fact.type === 'KeyRevoked' ? fact.data.cause : '';
}
