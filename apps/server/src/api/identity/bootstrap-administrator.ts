import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandContext, EventLog } from '#libs/event-store';
import {
  ADMINISTRATORS_ID,
  administrators,
  changePassword,
  grantAdministrator,
  issueToken,
  registerUser,
  revokeToken,
  users,
  type UserState,
} from '#libs/identity';
import { base62FromBytes, hashSecret, ID_LENGTH, parseKey } from '#libs/kernel';
import { mintUuid, now, randomBase62, type Log, type Settings } from '#libs/platform';
import type { Installation } from '../../installation.js';
import { hashPassword, matches } from './passwords.js';
import { ReserveEmail } from './reserve-email.js';
import type { Users } from './users.js';

/** 24 base62 characters are 142 bits: nobody guesses them, and they can still be typed. */
const FIRST_PASSWORD_LENGTH = 24;
const PASSWORD_FILE = 'admin-password';
const NAME = 'Administrator';
/** Name of the access token that the setting gives; a changed setting ends the one that it replaces. */
const TOKEN_NAME = 'BOOTSTRAP_ADMIN_TOKEN';
const SYSTEM = { type: 'system', id: 'bootstrap' } as const;

export interface BootstrapParts {
  readonly settings: Settings;
  readonly eventLog: EventLog;
  readonly installation: Installation;
  readonly users: Users;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly isTerminal: boolean;
}

/**
 * Makes sure that there is an administrator, and that the settings about the first one hold. Every step may have been done
 * before: by an earlier start, by one that died half way, or by another node that starts now. Returns the random password of a
 * first start on a terminal, to be shown once.
 */
export class BootstrapAdministrator {
  private readonly reserveEmail: ReserveEmail;

  constructor(private readonly parts: BootstrapParts) {
    this.reserveEmail = new ReserveEmail(parts.eventLog);
  }

  async run(): Promise<string | undefined> {
    const { settings, eventLog, users: people, log } = this.parts;
    const index = await people.indexOf(settings.bootstrapAdminEmail, context());
    const { state } = await eventLog.read(administrators, ADMINISTRATORS_ID);
    if (state.size === 0) return this.nameFirst(index);
    const user = await this.reserveEmail.holderOf(index);
    if (user !== undefined && state.has(user)) await this.keepSettings(user);
    else
      log.info(
        'BOOTSTRAP_ADMIN_EMAIL is not that of an administrator: there are others, and it changes nothing',
      );
    return undefined;
  }

  private async nameFirst(index: string): Promise<string | undefined> {
    const { eventLog, settings, installation } = this.parts;
    const user = firstUserOf(installation);
    await this.reserveEmail.take(index, user, context());
    const invented = await this.register(user, index);
    await eventLog.transact(administrators, ADMINISTRATORS_ID, grantAdministrator(user, now()), context());
    await this.keepSettings(user);
    return settings.bootstrapAdminPassword === undefined ? invented : undefined;
  }

  /** Returns the password that this call has invented for a terminal; undefined when somebody else has registered the user. */
  private async register(user: string, index: string): Promise<string | undefined> {
    const { eventLog, settings, users: people, isTerminal } = this.parts;
    const { status } = (await eventLog.read(users, user)).state;
    if (status !== 'none') return undefined;
    const given = settings.bootstrapAdminPassword;
    const password = given ?? randomBase62(FIRST_PASSWORD_LENGTH);
    const file = given === undefined && !isTerminal ? join(settings.dataDir, PASSWORD_FILE) : undefined;
    const seal = (text: string) => people.seal(user, text, context());
    const data = {
      at: now(),
      email: await seal(settings.bootstrapAdminEmail),
      name: await seal(NAME),
      emailIndex: index,
      createdBy: SYSTEM.id,
    };
    const decision = registerUser(data, { password: await seal(await hashPassword(password)) });
    // The file first: a crash in between leaves a password of nobody, and the next start writes another.
    if (file !== undefined) await writePrivately(file, `${password}\n`);
    const registered = await eventLog.create(
      users,
      user,
      (state) => (state.status === 'none' ? decision(state) : []),
      context(),
    );
    if (registered.facts.length > 0) return given === undefined && isTerminal ? password : undefined;
    // Another node was quicker, with a password of its own.
    if (file !== undefined) await rm(file, { force: true });
    return undefined;
  }

  private async keepSettings(user: string): Promise<void> {
    const { bootstrapAdminPassword, bootstrapAdminToken } = this.parts.settings;
    if (bootstrapAdminPassword !== undefined) await this.keepPassword(user, bootstrapAdminPassword);
    if (bootstrapAdminToken !== undefined) await this.keepToken(user, bootstrapAdminToken);
  }

  /** Sets the password of the settings, unless it holds already; the sessions of another one are over then. */
  private async keepPassword(user: string, password: string): Promise<void> {
    const { eventLog, users: people } = this.parts;
    const { state } = await eventLog.read(users, user);
    if (state.status !== 'active' || state.password === null) return;
    const { commitment } = state.password;
    const hash = await people.open(state.password);
    if (hash !== undefined && (await matches(hash, password))) return;
    const change = changePassword(now(), await people.seal(user, await hashPassword(password), context()));
    // Whoever changed it meanwhile is another node with the same settings.
    const isSame = (newest: UserState) =>
      newest.status === 'active' && newest.password?.commitment === commitment;
    await eventLog.transact(users, user, (newest) => (isSame(newest) ? change(newest) : []), context());
  }

  private async keepToken(user: string, text: string): Promise<void> {
    const { eventLog, log } = this.parts;
    const { id: token, secret } = parseKey(text)!;
    const { state } = await eventLog.read(users, user);
    if (state.status !== 'active') return;
    const known = state.tokens[token];
    if (known !== undefined) {
      const holds = known.revokedAt === null && known.issued.secretHash === hashSecret(secret);
      if (!holds)
        log.warn({ token }, 'BOOTSTRAP_ADMIN_TOKEN was ended, or has another secret: set a new one');
      return;
    }
    for (const { issued, revokedAt } of Object.values(state.tokens)) {
      if (issued.name !== TOKEN_NAME || revokedAt !== null) continue;
      await eventLog.transact(users, user, revokeToken(issued.token, now()), context());
    }
    const data = { at: now(), token, name: TOKEN_NAME, role: null, registry: null, expiresAt: null };
    const issue = issueToken({ ...data, secretHash: hashSecret(secret) });
    const decision = (newest: UserState) =>
      newest.status !== 'none' && newest.tokens[token] ? [] : issue(newest);
    await eventLog.transact(users, user, decision, context());
  }
}

function context(): CommandContext {
  return { commandId: mintUuid(), actor: SYSTEM, correlationId: SYSTEM.id };
}

/** The same on every node of an installation, so that several nodes that start at once name the same user. */
function firstUserOf({ logId }: Installation): string {
  const first = createHash('sha256').update(`${logId}bootstrap-administrator`).digest();
  const more = createHash('sha256').update(first).digest();
  return `usr_${base62FromBytes(Buffer.concat([first, more]), ID_LENGTH)!}`;
}

/** Replaces the file as a whole and on disk, readable by its owner alone. */
async function writePrivately(path: string, content: string): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
