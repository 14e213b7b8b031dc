import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { CommandContext } from '#libs/event-store';
import {
  emailIndex,
  IdentityModel,
  missingUser,
  subjectIndex,
  type SealedText,
  type UserState,
} from '#libs/identity';
import { derivedKey, SubjectKeys } from '#libs/personal-data';

type RegisteredUser = Exclude<UserState, { status: 'none' }>;

/** The subject whose key belongs to the installation itself; it is never erased. */
export const INSTALLATION_SUBJECT = 'installation';
const EMAIL_INDEX = 'e-mail index';
const FINGERPRINT = 'fingerprint';
const SUBJECT_INDEX = 'subject index';

export class UserView {
  @ApiProperty({ example: 'usr_8Zk1mQ4vT0aXc2Lp' }) id: string;
  @ApiProperty({ example: 'anna@example.com' }) email: string;
  @ApiProperty({ example: 'Anna' }) name: string;
  @ApiProperty({ enum: ['invited', 'active', 'disabled'] }) status: RegisteredUser['status'];
  @ApiProperty() administrator: boolean;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'Exact to the hour.' })
  lastSignInAt: string | null;
}

/** Users as they are shown and looked up: with `People`, the only place where personal data is opened. */
@Injectable()
export class Users {
  constructor(
    private readonly model: IdentityModel,
    private readonly subjectKeys: SubjectKeys,
  ) {}

  /** What stands in the log in the place of an e-mail address. */
  async indexOf(email: string, context: CommandContext): Promise<string> {
    const key = await this.subjectKeys.keyOf(INSTALLATION_SUBJECT, context);
    return emailIndex(derivedKey(key, EMAIL_INDEX), email);
  }

  /** A hash (hex) of text that must not be guessed from it, such as names and addresses: keyed, and the same on every node. */
  async fingerprint(text: string, context: CommandContext): Promise<string> {
    const key = await this.subjectKeys.keyOf(INSTALLATION_SUBJECT, context);
    return createHmac('sha256', derivedKey(key, FINGERPRINT)).update(text).digest('hex');
  }

  /** What stands in the log in the place of whom an issuer names. */
  async subjectIndexOf(issuer: string, subject: string, context: CommandContext): Promise<string> {
    const key = await this.subjectKeys.keyOf(INSTALLATION_SUBJECT, context);
    return subjectIndex(derivedKey(key, SUBJECT_INDEX), issuer, subject);
  }

  /** Personal data of a user, as an event may hold it. */
  seal(user: string, text: string, context: CommandContext): Promise<SealedText> {
    return this.subjectKeys.seal(user, text, context);
  }

  /** undefined once the user is erased. */
  open(sealed: SealedText): Promise<string | undefined> {
    return this.subjectKeys.open(sealed);
  }

  /** As the caller sees a user. Throws Refusal `not-found` for one who is erased or never was. */
  async view(id: string, state: UserState | undefined = this.model.user(id)): Promise<UserView> {
    if (!state || state.status === 'none' || state.status === 'erased') throw missingUser();
    const { registered, status, signedInAt: lastSignInAt } = state;
    const [email, name] = await Promise.all([this.open(registered.email), this.open(registered.name)]);
    if (email === undefined || name === undefined) throw missingUser();
    const administrator = this.model.isAdministrator(id);
    return { id, email, name, status, administrator, createdAt: registered.at, lastSignInAt };
  }

  /** Destroys what was known about the user, for good. */
  erase(id: string): Promise<void> {
    return this.subjectKeys.erase(id);
  }
}
