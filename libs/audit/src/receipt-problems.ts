import { parseDuration } from '#libs/kernel';

/** A registry may let reads go on for 15 minutes at most (ARCHITECTURE.md section 6). */
const SERVE_READS_MAX_MS = 15 * 60_000;
/** Clocks of two nodes that are kept by NTP are far closer. A member's time is read on the node that proves. */
const CLOCKS_APART_MAX_MS = 5_000;
/** Positions are signed 64-bit integers in the store. */
const POSITION_MAX = 2n ** 63n - 1n;

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const RECEIPT = new Set([
  'logId',
  'registry',
  'position',
  'members',
  'durationMs',
  'complete',
  'serveReadsFor',
  'signature',
]);
const MEMBER = new Set(['incarnation', 'label', 'appliedAt', 'leaseEndedAt']);

type Json = Readonly<Record<string, unknown>>;

/** What is wrong with the answer to a revocation, the signature aside: one sentence each, none when it is in order. */
export function receiptProblems(answer: unknown): string[] {
  if (!isObject(answer)) return ['it is no JSON object'];
  const { id, status, revokedAt, receipt } = answer;
  const problems = [
    ...(isText(id) ? [] : ['id is missing']),
    ...(status === 'revoked' ? [] : ['status is not revoked']),
    ...(isTime(revokedAt) ? [] : ['revokedAt is no time in UTC with milliseconds']),
  ];
  if (!isObject(receipt)) return [...problems, 'it has no receipt'];
  return [
    ...problems,
    ...unknownMembers(receipt, RECEIPT, 'receipt.'),
    ...['logId', 'registry', 'signature']
      .filter((name) => !isText(receipt[name]))
      .map((name) => `receipt.${name} is missing`),
    ...(isPosition(receipt['position']) ? [] : ['receipt.position is no position in a log']),
    ...(isDuration(receipt['durationMs']) ? [] : ['receipt.durationMs is no whole number from 0 on']),
    ...(isComplete(receipt['complete']) ? [] : ['receipt.complete is not false, and else left out']),
    ...(isServeReadsFor(receipt['serveReadsFor'])
      ? []
      : ['receipt.serveReadsFor is no duration of up to 15 minutes']),
    ...membersProblems(receipt, revokedAt),
  ];
}

function membersProblems({ members, durationMs }: Json, revokedAt: unknown): string[] {
  if (!Array.isArray(members)) return ['receipt.members is no list'];
  const problems = members.flatMap((one: unknown, index) =>
    memberProblems(one, `receipt.members[${index}]`, revokedAt),
  );
  const objects = members.filter(isObject);
  const incarnations = objects.map(({ incarnation }) => incarnation);
  if (new Set(incarnations).size !== incarnations.length) {
    problems.push('receipt.members names a process twice');
  }
  const times = objects
    .map((one) => one['appliedAt'] ?? one['leaseEndedAt'])
    .filter(isTime)
    .map((time) => Date.parse(time));
  const apart = Math.max(...times) - Math.min(...times);
  if (isDuration(durationMs) && apart > durationMs + CLOCKS_APART_MAX_MS) {
    problems.push(`the members' times are ${apart} ms apart, but all of it took ${durationMs} ms`);
  }
  return problems;
}

function memberProblems(one: unknown, place: string, revokedAt: unknown): string[] {
  if (!isObject(one)) return [`${place} is no object`];
  const { incarnation, label } = one;
  const times = [one['appliedAt'], one['leaseEndedAt']].filter((time) => (time ?? null) !== null);
  const problems = [
    ...unknownMembers(one, MEMBER, `${place}.`),
    ...(isText(incarnation) ? [] : [`${place}.incarnation is missing`]),
    ...(isText(label) ? [] : [`${place}.label is missing`]),
  ];
  const [time] = times;
  if (times.length === 0) {
    return [...problems, `${place} had neither applied the revocation, nor had its lease ended`];
  }
  if (times.length > 1) problems.push(`${place} has two ends: one process ends in one way`);
  else if (!isTime(time)) problems.push(`${place} has no time in UTC with milliseconds`);
  else if (isTime(revokedAt) && Date.parse(time) < Date.parse(revokedAt) - CLOCKS_APART_MAX_MS) {
    problems.push(`${place} has applied the revocation, or ended, before the key was revoked`);
  }
  return problems;
}

function unknownMembers(object: Json, known: ReadonlySet<string>, place: string): string[] {
  return Object.keys(object)
    .filter((name) => !known.has(name))
    .map((name) => `${place}${name} is not covered by the signature`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** With the days that the calendar has: `new Date` rolls the 30th of February over. */
function isTime(value: unknown): value is string {
  if (typeof value !== 'string' || !TIME.test(value)) return false;
  const parsed = Date.parse(value);
  return !Number.isNaN(parsed) && new Date(parsed).toISOString() === value;
}

function isPosition(value: unknown): boolean {
  return typeof value === 'string' && /^(0|[1-9]\d{0,18})$/.test(value) && BigInt(value) <= POSITION_MAX;
}

function isDuration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isServeReadsFor(value: unknown): boolean {
  if ((value ?? null) === null) return true;
  const milliseconds = typeof value === 'string' ? parseDuration(value) : undefined;
  return milliseconds !== undefined && milliseconds > 0 && milliseconds <= SERVE_READS_MAX_MS;
}

/** Only `false` is stated: a receipt without it names everyone. */
function isComplete(value: unknown): boolean {
  return value === undefined || value === false;
}
