import { ALERT_TEXTS } from './alert-texts.js';
import { curl, keyPath, oneLine, onKey, pathOf, post, rotate, text } from './commands.js';
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
  'error', 'nextAttemptAt', 'alert', 'title', 'where', 'seen', 'usual', 'count', 'since', 'outcome', 'total', 'list', 'done',
]; // prettier-ignore

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

export interface Text {
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
  'key.rotation-lapsed': (told) => ({
    says: `expired before it could be rotated automatically${text(told.data['error'], (error) => `: ${error}`)}`,
    advice:
      'Its rotation schedule ended with it. Generate another key where one is needed, and give that one a schedule.',
    command: generate(told),
  }),
  'key.leak-reported': (told) => ({ says: leak(told), ...afterLeak(told) }),
  ...ALERT_TEXTS,
  'channel.test': () => ({
    says: 'Test of a notification channel',
    advice: 'It works: there is nothing to do.',
    command: null,
  }),
};

function leak({ data }: Told): string {
  const from = text(data['source'], (source) => ` by ${source}`);
  if (data['proven'] !== true) return `was named in a report of a leak${from}, without its true secret`;
  const done = text(data['done'], (what) =>
    what === 'nothing' ? ', and nothing was done' : `, and it was ${what}`,
  );
  return `was reported as leaked${from}: its secret is out${done}`;
}

const REVOKE = 'Revoke it, and generate another key where one is needed.';

/** By what was done about it. */
function afterLeak(told: Told): Omit<Text, 'says'> {
  const { done } = told.data;
  if (done === 'revoked') return { advice: GENERATE, command: generate(told) };
  const advice = done === 'suspended' ? `It is refused until somebody resumes it. ${REVOKE}` : REVOKE;
  return { advice, command: onKey(told, 'revoke') };
}

function generate(told: Told): string {
  return post(`${pathOf(told)}/keys`, '{"name":"CI","permission":"read","expiresIn":"P90D"}');
}

/** A time of the fact as people of the registry read it, to the minute, with its zone. */
function time({ data, registry: { timeZone } }: Told, field: string, words: string): string {
  const at = Date.parse(String(data[field]));
  if (Number.isNaN(at)) return '';
  const local = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return `${words} ${local.format(at)} (${timeZone})`;
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
