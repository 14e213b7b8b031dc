import { Webhook } from 'standardwebhooks';
import { oneLine, type Message } from '#libs/notifications';
import { OutgoingError, type Outgoing as Requests, type OutgoingAnswer } from '#libs/outgoing';
import type { Attempt, Outgoing } from './attempt.js';

/** The status that says: this webhook is gone, send nothing more. */
const GONE = 410;
/** Statuses whose `Retry-After` counts (RFC 9110 10.2.3, RFC 6585 4). */
const WAITING: readonly number[] = [429, 503];

/** Posts a notification signed as Standard Webhooks lays down, with every secret (`whsec_…`) that is valid. */
export function postWebhook(
  requests: Requests,
  { id, message }: Outgoing,
  url: string,
  secrets: readonly string[],
): Promise<Attempt> {
  const body = JSON.stringify(message.payload);
  const at = new Date();
  return post(requests, url, body, {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  });
}

/** Posts a notification to an incoming webhook of Slack, or of what speaks like it. */
export function postSlack(requests: Requests, { message }: Outgoing, url: string): Promise<Attempt> {
  return post(requests, url, JSON.stringify({ text: slackText(message) }), {});
}

/** Slack takes `&`, `<` and `>` for markup, also for a call of everybody in the channel. */
function slackText({ summary, advice, command }: Message): string {
  const escaped = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const plain = `${escaped(oneLine(summary))}\n${escaped(advice)}`;
  return command === null ? plain : `${plain}\n\`\`\`${escaped(command)}\`\`\``;
}

async function post(
  requests: Requests,
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<Attempt> {
  const all = { 'content-type': 'application/json', 'user-agent': 'Dockreg-Keys', ...headers };
  try {
    return ended(await requests.send({ url, method: 'POST', headers: all, body }));
  } catch (error) {
    if (!(error instanceof OutgoingError)) throw error;
    return { status: null, error: error.message };
  }
}

function ended({ status, headers }: OutgoingAnswer): Attempt {
  if (status >= 200 && status < 300) return { status, error: null };
  const error = `the target answered ${status}`;
  if (status === GONE) return { status, error, isFinal: true, isGone: true };
  const notBefore = WAITING.includes(status) ? retryAfter(headers['retry-after']) : undefined;
  return notBefore === undefined ? { status, error } : { status, error, notBefore };
}

/** `Retry-After` (RFC 9110 10.2.3): seconds or a date. */
function retryAfter(value = ''): number | undefined {
  if (/^\d{1,9}$/.test(value)) return Date.now() + Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}
