import { parseDuration, Refusal, type Decision } from '#libs/kernel';
import { belongs, generateKey, living, missingKey, type OnKey } from './decisions.js';
import type { ExistingKey, KeyFact, KeyGenerated, KeyState } from './key.js';
import { timeText } from './lifetimes.js';
import { GRACE_PERIOD_MAX_MS, inheritedLifetime, refuseUnrotatable, rotateKey } from './rotation.js';
import {
  dueBeforeEnd,
  type KeyRotationScheduled,
  type RotationDelivered,
  type RotationSchedule,
} from './rotation-schedule.js';

/** More often than this is no rotation: what uses the key has to notice each one. */
export const ROTATION_EVERY_MIN_MS = 3_600_000;
/** Less often than this nobody means it. */
export const ROTATION_EVERY_MAX_MS = 366 * 86_400_000;
/** How long after the first, second, … failure in a row the next attempt follows; after the last of them always so long. */
const RETRY_AFTER_MS = [15 * 60_000, 3_600_000, 4 * 3_600_000, 12 * 3_600_000, 24 * 3_600_000];
/** A key that expires before that is tried again halfway to its end, but not sooner than this: no attempt would be over. */
const RETRY_AFTER_MIN_MS = 60_000;

/**
 * The key is rotated by itself from now on. Refuses what cannot be: a key that has ended, is suspended or has a successor, a grace that is
 * longer than the time between two rotations, and a key that expires before its first rotation.
 */
export function scheduleRotation(data: KeyRotationScheduled['data']): Decision<KeyState, KeyFact> {
  return (state) => {
    const key = living(state, data);
    const { expiresAt } = key;
    refuseUnrotatable(state, data);
    const every = parseDuration(data.every)!;
    refuseUnless(every >= ROTATION_EVERY_MIN_MS && every <= ROTATION_EVERY_MAX_MS, '/every', 'every is PT1H to P366D'); // prettier-ignore
    const grace = parseDuration(data.gracePeriod)!;
    refuseUnless(grace <= GRACE_PERIOD_MAX_MS, '/gracePeriod', 'gracePeriod is at most P30D');
    refuseUnless(grace <= every, '/gracePeriod', 'gracePeriod is at most as long as every');
    const life = inheritedLifetime(key);
    refuseUnless(life === undefined || every < life, '/every', 'its successors would expire before they are rotated'); // prettier-ignore
    const isBefore = expiresAt === null || Date.parse(data.dueAt) < Date.parse(expiresAt);
    refuseUnless(isBefore, '/every', 'the key expires before its first rotation');
    return [{ type: 'KeyRotationScheduled', data }];
  };
}

/** When a key that was born at `createdAt` is rotated first, unless its owner names a time: not before `at`. */
export function firstRotation(createdAt: string, every: string, at: string): string {
  return timeText(Math.max(Date.parse(createdAt) + parseDuration(every)!, Date.parse(at)));
}

/** Generates a successor, which is born with the schedule of the key that it is to take over from. */
export function generateSuccessor(old: ExistingKey, data: KeyGenerated['data']): Decision<KeyState, KeyFact> {
  return (state) => [...generateKey(data)(state), ...inheritedSchedule(old, data)];
}

/** A successor that lives shorter than the schedule has it is rotated while its own grace still fits. */
function inheritedSchedule(
  { schedule, generated }: ExistingKey,
  { at, expiresAt }: KeyGenerated['data'],
): KeyRotationScheduled[] {
  if (!schedule) return [];
  const { schedule: id, every, gracePeriod, kind, target } = schedule;
  const regular = timeText(Date.parse(at) + parseDuration(every)!);
  const dueAt = dueBeforeEnd(regular, { from: at, expiresAt, gracePeriod });
  const common = { at, registry: generated.registry, schedule: id };
  return [{ type: 'KeyRotationScheduled', data: { ...common, every, gracePeriod, kind, target, dueAt } }];
}

/** Records the end of this schedule, of a key that has ended too. Adds nothing when the key has no such schedule. */
export function unscheduleRotation(schedule: string, { registry, at }: OnKey): Decision<KeyState, KeyFact> {
  return (state) => {
    if (!belongs(state, registry)) throw missingKey();
    if (state.schedule?.schedule !== schedule) return [];
    return [{ type: 'KeyRotationUnscheduled', data: { at, registry, schedule } }];
  };
}

/**
 * Records that this schedule is over with its key. Where the key expired before a rotation went well nobody asked for that end:
 * its creator and the owners of its registry are told. Adds nothing when the key has no such schedule, or goes on.
 */
export function endSchedule(
  { at, schedule }: { readonly at: string; readonly schedule: string },
  owners: readonly string[],
): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status === 'none' || state.schedule?.schedule !== schedule) return [];
    const { registry } = state.generated;
    if (state.status === 'revoked') return unscheduleRotation(schedule, { registry, at })(state);
    if (state.status !== 'expired') return [];
    const { kind, lastFailure } = state.schedule;
    const error = lastFailure?.error ?? null;
    const recipients = toldOf(state, owners);
    return [{ type: 'KeyRotationLapsed', data: { at, registry, schedule, kind, error, recipients } }];
  };
}

/** Whether the key is to be rotated by itself at `now`. */
export function isRotationDue(
  state: KeyState,
  now: string,
): state is ExistingKey & { schedule: RotationSchedule } {
  return (
    state.status === 'active' &&
    state.schedule !== null &&
    state.rotation === null &&
    Date.parse(state.schedule.dueAt) <= Date.parse(now)
  );
}

/**
 * Links the key to its successor, whose secret the target has (`version`): the grace begins only now. Refuses when the
 * schedule has ended or changed since, and whatever `rotateKey` refuses.
 */
export function rotateDelivered(
  command: Parameters<typeof rotateKey>[0] & Pick<RotationDelivered['data'], 'version'>,
  { schedule, dueAt }: RotationSchedule,
): Decision<KeyState, KeyFact> {
  const { registry, at, successor, version } = command;
  const link = rotateKey(command);
  return (state) => {
    const linked = link(state);
    if (linked.length === 0) return [];
    const current = (state as ExistingKey).schedule;
    if (current?.schedule !== schedule || current.dueAt !== dueAt) {
      throw new Refusal('conflict', 'the schedule has changed meanwhile');
    }
    const { kind } = current;
    return [{ type: 'RotationDelivered', data: { at, registry, successor, kind, version } }, ...linked];
  };
}

/**
 * Records that the key was not rotated: it goes on, and the next attempt follows after a pause that grows with each failure,
 * or at `nextAttemptAt`. Adds nothing when the schedule is not the one that was tried. Told are the key's creator and the
 * owners of its registry.
 */
export function failRotation(
  {
    at,
    error,
    nextAttemptAt,
  }: { readonly at: string; readonly error: string; readonly nextAttemptAt?: string },
  tried: Pick<RotationSchedule, 'schedule' | 'dueAt'>,
  owners: readonly string[],
): Decision<KeyState, KeyFact> {
  return (state) => {
    if (state.status !== 'active' && state.status !== 'suspended') return [];
    const { schedule, generated, expiresAt } = state;
    if (schedule?.schedule !== tried.schedule || schedule.dueAt !== tried.dueAt) return [];
    const pause = RETRY_AFTER_MS[Math.min(schedule.failures, RETRY_AFTER_MS.length - 1)]!;
    const left = expiresAt === null ? Infinity : Date.parse(expiresAt) - Date.parse(at);
    const soonest = pause < left ? pause : Math.max(left / 2, RETRY_AFTER_MIN_MS);
    const next = nextAttemptAt ?? timeText(Date.parse(at) + soonest);
    const { registry } = generated;
    const recipients = toldOf(state, owners);
    const data = { at, registry, kind: schedule.kind, error, nextAttemptAt: next, recipients };
    return [{ type: 'RotationFailed', data }];
  };
}

function toldOf({ generated: { createdBy } }: ExistingKey, owners: readonly string[]): string[] {
  return [...new Set([createdBy, ...owners])];
}

function refuseUnless(condition: boolean, field: string, text: string): void {
  if (!condition) throw new Refusal('invalid-value', text, { field });
}
