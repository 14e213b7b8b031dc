import { Injectable } from '@nestjs/common';
import { EventLog, type CommandContext } from '#libs/event-store';
import { EMAIL_PATTERN, linkIdentity, users, type UserState } from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { now } from '#libs/platform';
import { identities, release, reserveIfFree } from '#libs/registries';
import { Widened } from '../http/widened.js';
import type { IssuedIdentity } from './oidc-issuer.js';
import { ReserveEmail } from './reserve-email.js';
import { Users } from './users.js';

/** Why nobody is signed in; for the log alone. */
export type Refused =
  | 'the issuer has not verified the e-mail address'
  | 'no user has the e-mail address'
  | 'the user is linked to another subject of the issuer'
  | 'the user cannot sign in';

/**
 * Finds the user whom an issuer names. The first sign-in goes by the verified e-mail address, and links the issuer's subject
 * to the user for good; every later one goes by the subject alone. Whoever has the address at the issuer after that opens
 * nothing here.
 */
@Injectable()
export class LinkedUser {
  constructor(
    private readonly log: EventLog,
    private readonly users: Users,
    private readonly reserveEmail: ReserveEmail,
    private readonly widened: Widened,
  ) {}

  /** Decided by the log itself, since another node may have linked a moment ago. */
  async of(
    identity: IssuedIdentity,
    context: CommandContext,
  ): Promise<{ user: string } | { refused: Refused }> {
    const { issuer, subject } = identity;
    const subjectIndex = await this.users.subjectIndexOf(issuer, subject, context);
    const holder = await this.holderOf(subjectIndex, context);
    const user = holder ?? (await this.byEmail(identity, context));
    if (typeof user !== 'string') return user;
    return this.link(user, { issuer, subjectIndex, isHeld: holder !== undefined }, context);
  }

  /** Who has the subject. An erased user's subjects are free again. */
  private async holderOf(subjectIndex: string, context: CommandContext): Promise<string | undefined> {
    const { by } = (await this.log.read(identities, subjectIndex)).state;
    if (by === undefined || (await this.stateOf(by)).status !== 'erased') return by;
    await this.log.transact(identities, subjectIndex, release(by, now()), context);
    return undefined;
  }

  private async byEmail(
    { verifiedEmail }: IssuedIdentity,
    context: CommandContext,
  ): Promise<string | { refused: Refused }> {
    const email = await verifiedEmail();
    // Folding makes one address of two spellings; at the issuer, full-width letters may be another mailbox.
    const isPlain = email !== undefined && EMAIL_PATTERN.test(email) && email.normalize('NFKC') === email;
    if (!isPlain) return { refused: 'the issuer has not verified the e-mail address' };
    const index = await this.users.indexOf(email, context);
    return (await this.reserveEmail.holderOf(index)) ?? { refused: 'no user has the e-mail address' };
  }

  /**
   * Takes the subject for the user first, so that it never opens two accounts; quiet when all of it was done before. Looks
   * again afterwards: while this process stood still, the subject may have been given up as abandoned, and gone to another.
   */
  private async link(
    user: string,
    { issuer, subjectIndex, isHeld }: { issuer: string; subjectIndex: string; isHeld: boolean },
    context: CommandContext,
  ): Promise<{ user: string } | { refused: Refused }> {
    const state = await this.stateOf(user);
    if (state.status !== 'active' && state.status !== 'invited')
      return { refused: 'the user cannot sign in' };
    const linked = Object.hasOwn(state.identities, issuer) ? state.identities[issuer] : undefined;
    if (linked === subjectIndex && isHeld) return { user };
    const taken = { refused: 'the user is linked to another subject of the issuer' } as const;
    if (linked !== undefined && linked !== subjectIndex) return taken;
    const own: CommandContext = { ...context, actor: { type: 'user', id: user } };
    if (!(await this.take(subjectIndex, user, own))) return taken;
    try {
      const decision = linkIdentity({ at: now(), issuer, subjectIndex });
      const { position } = await this.log.transact(users, user, decision, own);
      await this.widened.apply(position);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
      await this.log.transact(identities, subjectIndex, release(user, now()), own);
      return { refused: 'the user cannot sign in' };
    }
    return (await this.take(subjectIndex, user, own)) ? { user } : taken;
  }

  /** Whether the user has the subject now. */
  private async take(subjectIndex: string, user: string, context: CommandContext): Promise<boolean> {
    const decision = reserveIfFree(user, now());
    return (await this.log.transact(identities, subjectIndex, decision, context)).state.by === user;
  }

  private async stateOf(user: string): Promise<UserState> {
    return (await this.log.read(users, user)).state;
  }
}
