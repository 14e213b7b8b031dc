import { createTransport, type Transporter } from 'nodemailer';
import type { Message } from '#libs/notifications';
import type { Settings } from '#libs/platform';
import type { Attempt, Outgoing } from './attempt.js';

/** A mail server that does not answer is given up after this; the next attempt follows. */
const TIMEOUT_MS = 10_000;
/** Longer subjects are cut by mail programs anyway. */
const SUBJECT_MAX = 200;

/** Sends notifications through the mail server of the installation. */
export class Mailer {
  private readonly transport: Transporter;
  private readonly domain: string;

  constructor(
    smtpUrl: string,
    private readonly from: string,
  ) {
    this.domain = from.slice(from.lastIndexOf('@') + 1);
    this.transport = createTransport({
      url: smtpUrl,
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  /** One mail to one address. The same delivery always has the same Message-ID. */
  async mail(address: string, { id, message }: Outgoing): Promise<Attempt> {
    try {
      const { response } = (await this.transport.sendMail({
        // As objects: nodemailer would take a comma in a text for a list of addresses.
        from: { name: 'Dockreg Keys', address: this.from },
        to: { name: '', address },
        messageId: `<${id}@${this.domain}>`,
        subject: message.summary.slice(0, SUBJECT_MAX),
        text: textOf(message),
        headers: { 'Auto-Submitted': 'auto-generated' },
      })) as { response: string };
      return { status: Number.parseInt(response, 10) || 250, error: null };
    } catch (error) {
      return failure(error as { code?: string; responseCode?: number });
    }
  }
}

/** undefined without a mail server. */
export function mailerOf({ smtpUrl, mailFrom }: Settings): Mailer | undefined {
  return smtpUrl === undefined ? undefined : new Mailer(smtpUrl, mailFrom);
}

function textOf({ summary, advice, command }: Message): string {
  const lines = [`${summary}.`, '', advice];
  if (command === null) return `${lines.join('\n')}\n`;
  const needed = command.includes('$DOCKREG_URL') ? 'DOCKREG_URL and DOCKREG_TOKEN' : 'DOCKREG_TOKEN';
  const shell = `The command, with ${needed} set:`;
  return `${[...lines, '', shell, '', `  ${command}`].join('\n')}\n`;
}

/** By codes alone: what a mail server says may repeat the address. */
function failure({
  code = 'unknown',
  command,
  responseCode,
}: {
  code?: string;
  /** nodemailer's name for what was answered: `RCPT TO`, `MAIL FROM`, `DATA`. */
  command?: string;
  responseCode?: number;
}): Attempt {
  if (responseCode === undefined)
    return { status: null, error: `the mail server could not be used (${code})` };
  // A lasting reply about this recipient (RFC 5321 4.2.1); one about the sender is the operator's to mend.
  const isFinal = code === 'EENVELOPE' && command === 'RCPT TO' && responseCode >= 500;
  return { status: responseCode, error: `the mail server answered ${responseCode}`, isFinal };
}
