import { curl, onKey, pathOf, rotate, text } from './commands.js';
import type { Text, Told } from './messages.js';

/** The words about alerts. `data` has them by parts: see alert-words.ts of the worker. */
export const ALERT_TEXTS: Readonly<
  Record<'alert.raised' | 'alert.resolved' | 'alert.digest', (told: Told) => Text>
> = {
  'alert.raised': (told) => ({
    says: `${told.key ? 'raised a' : 'A'}${text(told.data['severity'], (severity) => ` ${severity}`)} alert, ${titleOf(told)}`,
    advice: [
      text(told.data['where'], part('From')),
      text(told.data['seen'], part('Seen')),
      text(told.data['usual'], part('Usual')),
      ADVICE[nextOf(told)],
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    command: COMMANDS[nextOf(told)](told),
  }),
  'alert.resolved': (told) => ({
    says: `${told.key ? 'had an' : 'An'} alert that is resolved${text(told.data['outcome'], (outcome) => ` as ${outcome}`)}, ${titleOf(told)}`,
    advice: 'There is nothing more to do.',
    command: curl(alertPath(told)),
  }),
  'alert.digest': (told) => ({
    says: `${numberOf(told.data['total'])} alerts that could wait`,
    advice: `They are: ${text(told.data['list'], (list) => list)}.`,
    command: curl(`${pathOf(told)}/alerts?status=open`),
  }),
};

const ADVICE = {
  suspend: 'If nobody of you did that, suspend the key: it is refused until you resume it.',
  revoke: 'Revoke the key: it is refused for ever.',
  rotate: 'Rotate the key: the old one works on until the grace period ends.',
  look: 'Look at the alert.',
} as const;

const COMMANDS: Readonly<Record<keyof typeof ADVICE, (told: Told) => string>> = {
  suspend: (told) => onKey(told, 'suspend'),
  revoke: (told) => onKey(told, 'revoke'),
  rotate,
  look: (told) => curl(alertPath(told)),
};

/** What cannot be done by one request about the key is looked at. */
function nextOf({ key, data }: Told): keyof typeof ADVICE {
  const next = data['next'];
  return key && (next === 'suspend' || next === 'revoke' || next === 'rotate') ? next : 'look';
}

function titleOf({ data }: Told): string {
  const rule = text(data['rule'], (name) => name);
  return text(data['title'], (title) => `${rule}: ${title}`) || rule;
}

function part(label: string): (words: string) => string {
  return (words) => (words === '' ? '' : `${label}: ${words}.`);
}

function alertPath(told: Told): string {
  const alert = text(told.data['alert'], (id) => (/^alt_[0-9A-Za-z]{16}$/.test(id) ? `/${id}` : ''));
  return `${pathOf(told)}/alerts${alert}`;
}

function numberOf(value: unknown): string {
  return typeof value === 'number' ? `${value}` : 'Some';
}
