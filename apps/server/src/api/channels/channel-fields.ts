import { EVENT_NAMES, type EventName } from '#libs/notifications';
import { targetProblem } from '#libs/outgoing';
import type { Settings } from '#libs/platform';
import type { ChannelKind } from '#libs/registries';
import { invalidField, Problem } from '../http/problems.js';

/** Stricter than what a user may sign in with: nobody may slip a second recipient or a comment into a mail. */
const ADDRESS = /^[^\s@\p{C}<>()[\]\\,;:"]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,187}[A-Za-z0-9])?$/u;
export const URL_LENGTH_MAX = 2_048;
export const EVENTS_MAX = EVENT_NAMES.length;

/** Where a channel of this kind leads, from the field that its kind has; undefined when neither is given. */
export function targetOf(
  kind: ChannelKind,
  { url, address }: { readonly url?: string | undefined; readonly address?: string | undefined },
  settings: Settings,
): string | undefined {
  const [field, other] = kind === 'email' ? (['address', 'url'] as const) : (['url', 'address'] as const);
  const given = { url, address };
  if (given[other] !== undefined)
    throw invalidField(`/${other}`, `${other} is not for this kind of channel.`);
  const target = given[field];
  if (target === undefined) return undefined;
  const problem = kind === 'email' ? addressProblem(target, settings) : urlProblem(target, settings);
  if (problem) throw problem;
  return target;
}

/** The events that a channel is to be told of, each once, in the order of the contract. */
export function eventsOf(given: readonly unknown[]): EventName[] {
  const index = given.findIndex((name) => !(EVENT_NAMES as readonly unknown[]).includes(name));
  if (index >= 0) throw invalidField(`/events/${index}`, `An event is one of ${EVENT_NAMES.join(', ')}.`);
  return EVENT_NAMES.filter((name) => given.includes(name));
}

function addressProblem(address: string, { smtpUrl }: Settings): Problem | undefined {
  if (!ADDRESS.test(address)) return invalidField('/address', 'address must be one e-mail address.');
  return smtpUrl === undefined
    ? new Problem('mail-not-configured', 'This installation has no mail server (SMTP_URL).')
    : undefined;
}

/** 422 for an address that is not public: it depends on the installation whether it is refused. */
function urlProblem(url: string, { allowPrivateTargets }: Settings): Problem | undefined {
  const always = targetProblem(url, true);
  if (always !== undefined) return invalidField('/url', `url ${always}.`);
  const here = targetProblem(url, allowPrivateTargets);
  return here === undefined
    ? undefined
    : new Problem('invalid-value', `url ${here}.`, {
        errors: [{ pointer: '/url', code: 'invalid-value', detail: `url ${here}.` }],
      });
}
