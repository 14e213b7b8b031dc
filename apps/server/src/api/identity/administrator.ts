import { createHash, timingSafeEqual } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { base62FromBytes, hashSecret, ID_LENGTH, parseKey } from '#libs/kernel';
import { randomBase62, type Settings } from '#libs/platform';
import type { Installation } from '../../installation.js';
import { hashPassword, isPasswordHash } from './passwords.js';

/** 24 base62 characters are 142 bits: nobody guesses them, and they can still be typed. */
const FIRST_PASSWORD_LENGTH = 24;
const HASH_FILE = 'admin-password.hash';
const PASSWORD_FILE = 'admin-password';

/** The first administrator: configuration, not an event, so that no personal data is in the log. Injected by class. */
export class Administrator {
  constructor(
    /** `usr_…`, the same on every node and after every restart of this installation. */
    readonly id: string,
    readonly email: string,
    /** PHC string (argon2id). */
    readonly passwordHash: string,
    private readonly accessToken: string | undefined,
  ) {}

  /** Stands in every session: a session of an earlier password is no session. */
  get credential(): string {
    return sha256(this.passwordHash).toString('base64url');
  }

  /** The id (`drm_…`) of the access token when the text is this administrator's; undefined for anything else. */
  tokenId(text: string): string | undefined {
    const presented = parseKey(text);
    const own = this.accessToken === undefined ? undefined : parseKey(this.accessToken);
    if (presented?.prefix !== 'drm' || own?.prefix !== 'drm') return undefined;
    const same = timingSafeEqual(
      Buffer.from(hashSecret(presented.secret)),
      Buffer.from(hashSecret(own.secret)),
    );
    return same && presented.id === own.id ? own.id : undefined;
  }
}

export interface PreparedAdministrator {
  readonly administrator: Administrator;
  /** Only at the first start on a terminal: to be shown once. `remember` must follow; until then the next start makes another. */
  readonly firstPassword?: { readonly password: string; remember(): Promise<void> };
  /** Only at the first start without a terminal: the file (mode 0600) with the password. */
  readonly passwordFile?: string;
}

/**
 * Makes the administrator from the settings. Without BOOTSTRAP_ADMIN_PASSWORD the first start invents a password, and
 * later starts use its hash in DATA_DIR. Throws when that file is not a hash.
 */
export async function prepareAdministrator(
  settings: Settings,
  installation: Installation,
  { isTerminal }: { isTerminal: boolean },
): Promise<PreparedAdministrator> {
  const { bootstrapAdminPassword, dataDir } = settings;
  const from = (passwordHash: string) => administratorOf(settings, installation, passwordHash);
  if (bootstrapAdminPassword !== undefined) {
    return { administrator: from(await hashPassword(bootstrapAdminPassword, saltOf(installation))) };
  }
  const stored = await storedHash(join(dataDir, HASH_FILE));
  if (stored !== undefined) return { administrator: from(stored) };

  const password = randomBase62(FIRST_PASSWORD_LENGTH);
  const passwordHash = await hashPassword(password);
  const remember = () => writePrivately(join(dataDir, HASH_FILE), passwordHash);
  if (isTerminal) return { administrator: from(passwordHash), firstPassword: { password, remember } };
  // The password first: a crash in between costs nothing but a new password at the next start.
  await writePrivately(join(dataDir, PASSWORD_FILE), `${password}\n`);
  await remember();
  return { administrator: from(passwordHash), passwordFile: join(dataDir, PASSWORD_FILE) };
}

function administratorOf(settings: Settings, { logId }: Installation, passwordHash: string): Administrator {
  const id = base62FromBytes(digits(`${logId}bootstrap-administrator`), ID_LENGTH)!;
  return new Administrator(
    `usr_${id}`,
    settings.bootstrapAdminEmail,
    passwordHash,
    settings.bootstrapAdminToken,
  );
}

/** 64 bytes that follow from the text alone: enough for 16 base62 characters, whatever the text. */
function digits(text: string): Buffer {
  const first = sha256(text);
  return Buffer.concat([first, sha256(first)]);
}

/** A salt must differ between installations, and be the same on all nodes of one, so that a session holds on each of them. */
function saltOf({ logId }: Installation): Uint8Array {
  return sha256(`${logId}bootstrap-administrator-salt`).subarray(0, 16);
}

async function storedHash(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined || isPasswordHash(text)) return text;
  throw new Error(
    `${path} does not hold an argon2 hash. Delete it, and the next start makes a new password.`,
  );
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

function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}
