import { TEST_EVENT, type EventName } from './events.js';

/** What a message tells of. Names come from users and may hold anything. */
export interface Told {
  readonly event: EventName | typeof TEST_EVENT;
  /** RFC 3339: when it happened. */
  readonly at: string;
  /** Data of the fact. Only fields named here go out (SHOWN). */
  readonly data: Readonly<Record<string, unknown>>;
  readonly registry: {
    readonly id: string;
    readonly slug: string;
    readonly name: string;
    /** IANA name: times in sentences are told in it. */
    readonly timeZone: string;
  };
  /** undefined: it is about no key. */
  readonly key: { readonly id: string; readonly name: string; readonly expiresAt: string | null } | undefined;
  /** Origin of the management API, for commands; undefined: they take it from DOCKREG_URL. */
  readonly apiUrl: string | undefined;
}

export interface Message {
  /** One line: what happened to what. */
  readonly summary: string;
  /** What to do now. */
  readonly advice: string;
  /** The command that does it, for a shell with DOCKREG_TOKEN, and DOCKREG_URL where it names it; null: there is nothing to do. */
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
  'error', 'nextAttemptAt',
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
    says: `was rotated${time(told, 'graceEndsAt', '; it works until')}`,
    advice: 'See who still uses the old key.',
    command: curl(`${keyPath(told)}/handover`),
  }),
  'key.expiry-reminded': (told) => ({
    says: `expires${time(told, 'expiresAt', ' on')}`,
    advice: ROTATE,
    command: rotate(told),
  }),
  'key.rotation-reminded': (told) => ({
    says: `is due for rotation${time(told, 'rotateBy', ' by')}`,
    advice: ROTATE,
    command: rotate(told),
  }),
  'key.rotation-failed': (told) => ({
    says: `could not be rotated automatically${text(told.data['error'], (error) => `: ${error}`)}`,
    advice: `The old key goes on${text(told.data['nextAttemptAt'], (at) => `, and it is tried again at ${at}`)}. See that the target takes the new secret, or rotate the key by hand.`,
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

function look(told: Told): Pick<Text, 'advice' | 'command'> {
  return { advice: 'See the alerts of the registry.', command: curl(`${pathOf(told)}/alerts`) };
}

function rotate(told: Told): string {
  return post(`${keyPath(told)}/rotate`, '{"gracePeriod":"PT24H"}');
}

function onKey(told: Told, action: string): string {
  return post(`${keyPath(told)}/${action}`, '{}');
}

function generate(told: Told): string {
  return post(`${pathOf(told)}/keys`, '{"name":"CI","permission":"read","expiresIn":"P90D"}');
}

function keyPath(told: Told): string {
  return `${pathOf(told)}/keys/${told.key?.id ?? '<key id>'}`;
}

/** Slugs and ids are letters, digits, `-` and `_`, so a shell takes them as they are. No name ever stands in a command. */
function pathOf({ apiUrl = '$DOCKREG_URL', registry }: Told): string {
  return `${apiUrl}/v1/registries/${registry.slug}`;
}

const AUTHORIZATION = '-H "Authorization: Bearer $DOCKREG_TOKEN"';

function curl(url: string): string {
  return `curl ${AUTHORIZATION} "${url}"`;
}

function post(url: string, body: string): string {
  return `curl -X POST ${AUTHORIZATION} -H 'Content-Type: application/json' -d '${body}' "${url}"`;
}

/** A time of the fact as people of the registry read it, to the minute, with its zone. */
function time({ data, registry: { timeZone } }: Told, field: string, words: string): string {
  const at = Date.parse(String(data[field]));
  if (Number.isNaN(at)) return '';
  const local = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return `${words} ${local.format(at)} (${timeZone})`;
}

function text(value: unknown, words: (value: string) => string): string {
  return typeof value === 'string' ? words(oneLine(value)) : '';
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
