import type { EventLog } from '#libs/event-store';
import { users } from '#libs/identity';
import { TEST_EVENT } from '#libs/notifications';
import type { Outgoing as Requests } from '#libs/outgoing';
import type { Sealed, SubjectKeys } from '#libs/personal-data';
import { findChannel, type ChannelRow, type DeliveryRow, type ReadModels } from '#libs/read-models';
import type { Attempt, Outgoing } from './attempt.js';
import type { Mailer } from './mailer.js';
import { postSlack, postWebhook } from './post-notification.js';
import { messageAbout } from './told.js';

/** A reminder that nobody could be sent for so long is no news any more, say because mail was set up only now. */
const REMINDER_STALE_MS = 3 * 24 * 3_600_000;

/** Makes one attempt to deliver a notification: opens what is sealed only now, and forgets it. */
export class SendNotification {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    private readonly subjectKeys: () => Promise<SubjectKeys>,
    private readonly requests: Requests,
    /** undefined: no mail server is set. */
    private readonly mailer: Mailer | undefined,
    /** Origin of the management API, where it is known. */
    private readonly apiUrl: string | undefined,
  ) {}

  /** Whether mails to users can be sent at all; else they wait. */
  get canMail(): boolean {
    return this.mailer !== undefined;
  }

  /** Throws when the log or the master key fails: then nothing was sent. */
  async attempt(row: DeliveryRow): Promise<Attempt> {
    const { database } = this.readModels;
    const fact = await this.log.eventAt(row.position);
    const message = fact && messageAbout(database, row, fact, this.apiUrl);
    if (!message) return failed('there is nothing to tell any more');
    const outgoing = { id: row.id, message };
    if (row.target.startsWith('usr_')) return this.mailUser(row, outgoing);
    const channel = findChannel(database, row.target);
    if (!channel) return failed('the channel is removed');
    if (channel.disabled !== null && row.event !== TEST_EVENT) return failed('the channel is disabled');
    return { ...(await this.toChannel(channel, outgoing)), asked: channel };
  }

  private async toChannel(channel: ChannelRow, outgoing: Outgoing): Promise<Attempt> {
    const target = await this.open(channel.target);
    if (target === undefined) return failed('the channel is removed');
    if (channel.kind === 'email') return this.mail(target, outgoing);
    if (channel.kind === 'slack') return postSlack(this.requests, outgoing, target);
    const secrets = await Promise.all(validSecrets(channel).map((secret) => this.open(secret)));
    return postWebhook(
      this.requests,
      outgoing,
      target,
      secrets.filter((secret) => secret !== undefined),
    );
  }

  private async mailUser({ target, at, attempts }: DeliveryRow, outgoing: Outgoing): Promise<Attempt> {
    if (attempts === 0 && Date.now() - Date.parse(at) > REMINDER_STALE_MS) return failed('it is too old');
    const { state } = await this.log.read(users, target);
    if (state.status === 'none' || state.status === 'erased' || state.status === 'disabled') {
      return failed('the user is not there any more');
    }
    const address = await this.open(state.registered.email);
    return address === undefined ? failed('the user is not there any more') : this.mail(address, outgoing);
  }

  private async mail(address: string, outgoing: Outgoing): Promise<Attempt> {
    return this.mailer
      ? this.mailer.mail(address, outgoing)
      : { status: null, error: 'no mail server is set (SMTP_URL)' };
  }

  /** undefined once its key is destroyed. The key does not stay in memory: another node may destroy it. */
  private async open(sealed: Sealed): Promise<string | undefined> {
    const keys = await this.subjectKeys();
    try {
      return await keys.open(sealed);
    } finally {
      keys.forget(sealed.subject);
    }
  }
}

function validSecrets({ secret, previousSecret }: ChannelRow): Sealed[] {
  const isValid = previousSecret !== null && Date.parse(previousSecret.until) > Date.now();
  return [...(secret ? [secret] : []), ...(isValid ? [previousSecret.secret] : [])];
}

function failed(error: string): Attempt {
  return { status: null, error, isFinal: true };
}
