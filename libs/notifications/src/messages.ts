import { TEST_EVENT, type EventName } from './events.js';

/** What a message tells of. Names come from users and may hold anything. */
export interface Told {
  readonly event: EventName | typeof TEST_EVENT;
  /** RFC 3339: when it happened. */
  readonly at: string;
  /** Data of the fact. Only fields named here go out (SHOWN). */
  readonly data: Readonly<Record<string, unknown>>;
  readonly registry: { readonly id: string; readonly slug: string; readonly name: string };
  /** undefined: it is about no key. */
  readonly key: { readonly id: string; readonly name: string; readonly expiresAt: string | null } | undefined;
  readonly channel: string;
}

export interface Message {
  /** One line: what happened to what. */
  readonly summary: string;
  /** What to do now. */
  readonly advice: string;
  /** The command that does it, for a shell with DOCKREG_URL and DOCKREG_TOKEN; null: there is nothing to do. */
  readonly command: string | null;
  /** For programs. */
  readonly payload: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

/** Fields of facts that may leave the house. No hash, no ciphertext, no reason that somebody wrote. */
const SHOWN = [
  'permission', 'expiresAt', 'rotateBy', 'step', 'successor', 'graceEndsAt', 'cause', 'source', 'proven', 'rule', 'severity',
]; // prettier-ignore

/** Control characters would forge lines or headers, and direction marks would reorder what a reader sees. */
const UNSEEMLY = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** A name on one line. */
export function oneLine(text: string): string {
  return text.replace(UNSEEMLY, ' ').trim();
}

/** The words for something that happened, and the payload of a webhook. */
export function messageOf(told: Told): Message {
  const { event, at, registry, key } = told;
  const place = `registry ${oneLine(registry.name)} (${registry.slug})`;
  const what = key ? `Key ${oneLine(key.name)} (${key.id})` : 'A key';
  const { says, advice, command } = TEXTS[event](told);
  const summary = key || event.startsWith('key.') ? `${what} in ${place} ${says}` : `${says} in ${place}`;
  const shown = Object.fromEntries(
    SHOWN.filter((name) => isPlain(told.data[name])).map((name) => [name, told.data[name]]),
  );
  const about = {
    registry: { id: registry.id, slug: registry.slug, name: oneLine(registry.name) },
    ...(key && { key: { id: key.id, name: oneLine(key.name), expiresAt: key.expiresAt } }),
  };
  const data = { ...about, ...shown, text: `${summary}. ${advice}`.trim(), command };
  return { summary, advice, command, payload: { type: event, timestamp: at, data } };
}

interface Text {
  readonly says: string;
  readonly advice: string;
  readonly command: string | null;
}

const ROTATE = 'Rotate it: the old key works on until the grace period ends.';
const GENERATE = 'Whatever still uses it is refused. Generate another key where one is needed.';

const TEXTS: Readonly<Record<Told['event'], (told: Told) => Text>> = {
  'key.generated': (told) => ({
    says: 'was generated',
    advice: 'If nobody of you did that, revoke it.',
    command: onKey(told, 'revoke'),
  }),
  'key.revoked': (told) => ({ says: 'was revoked', advice: GENERATE, command: generate(told) }),
  'key.expired': (told) => ({ says: 'has expired', advice: GENERATE, command: generate(told) }),
  'key.suspended': (told) => ({
    says: 'is suspended',
    advice: 'It is refused until somebody resumes it.',
    command: onKey(told, 'resume'),
  }),
  'key.rotated': (told) => ({
    says: `was rotated${text(told.data['graceEndsAt'], (end) => `; it works until ${end}`)}`,
    advice: 'See who still uses the old key.',
    command: curl(`${keyPath(told)}/handover`),
  }),
  'key.expiry-reminded': (told) => ({
    says: `expires${text(told.data['expiresAt'], (end) => ` on ${end}`)}`,
    advice: ROTATE,
    command: rotate(told),
  }),
  'key.rotation-reminded': (told) => ({
    says: `is due for rotation${text(told.data['rotateBy'], (end) => ` by ${end}`)}`,
    advice: ROTATE,
    command: rotate(told),
  }),
  'key.rotation-failed': (told) => ({
    says: 'could not be rotated automatically: its new secret could not be delivered',
    advice: `The old key goes on. ${ROTATE}`,
    command: rotate(told),
  }),
  'key.leak-reported': (told) => ({
    says: leak(told),
    advice: 'Revoke it, and generate another key where one is needed.',
    command: onKey(told, 'revoke'),
  }),
  'alert.raised': (told) => ({ says: `Alert${text(told.data['rule'], rule)} raised`, ...look(told) }),
  'alert.resolved': (told) => ({ says: `Alert${text(told.data['rule'], rule)} resolved`, ...look(told) }),
  'channel.test': () => ({
    says: 'Test of a notification channel',
    advice: 'It works: there is nothing to do.',
    command: null,
  }),
};

const rule = (name: string): string => ` ${name}`;

function leak({ data }: Told): string {
  const from = text(data['source'], (source) => ` by ${source}`);
  return data['proven'] === true
    ? `was reported as leaked${from}: its secret is out`
    : `was named in a report of a leak${from}, without its true secret`;
}

function look({ registry }: Told): Pick<Text, 'advice' | 'command'> {
  return { advice: 'See the alerts of the registry.', command: curl(`${pathOf(registry.slug)}/alerts`) };
}

function rotate(told: Told): string {
  return post(`${keyPath(told)}/rotate`, '{"gracePeriod":"PT24H"}');
}

function onKey(told: Told, action: string): string {
  return post(`${keyPath(told)}/${action}`, '{}');
}

function generate({ registry }: Told): string {
  return post(`${pathOf(registry.slug)}/keys`, '{"name":"CI","permission":"read","expiresIn":"P90D"}');
}

function keyPath({ registry, key }: Told): string {
  return `${pathOf(registry.slug)}/keys/${key?.id ?? '<key id>'}`;
}

/** Slugs and ids are letters, digits, `-` and `_`, so a shell takes them as they are. No name ever stands in a command. */
function pathOf(slug: string): string {
  return `/v1/registries/${slug}`;
}

const AUTHORIZATION = '-H "Authorization: Bearer $DOCKREG_TOKEN"';

function curl(path: string): string {
  return `curl ${AUTHORIZATION} "$DOCKREG_URL${path}"`;
}

function post(path: string, body: string): string {
  return `curl -X POST ${AUTHORIZATION} -H 'Content-Type: application/json' -d '${body}' "$DOCKREG_URL${path}"`;
}

function text(value: unknown, words: (value: string) => string): string {
  return typeof value === 'string' ? words(oneLine(value)) : '';
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
