import { hash, parseOptions, verify } from '@node-rs/argon2';

/** OWASP's first choice for argon2id: 19 MiB and two passes, about 20 ms of one core. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Each check takes a thread of Node's pool of four and 19 MiB; the other two stay free for files and names. */
const CHECKS_AT_ONCE = 2;

/** PHC string of a password (argon2id). A given salt (16 bytes) makes it repeatable; otherwise it is random. */
export function hashPassword(password: string, salt?: Uint8Array): Promise<string> {
  return hash(normalized(password), salt ? { ...ARGON2ID, salt } : ARGON2ID);
}

/** Whether a text is a PHC string that `PasswordCheck` can verify. */
export function isPasswordHash(text: string): boolean {
  try {
    return parseOptions(text).outputLen > 0;
  } catch {
    return false;
  }
}

/** Runs expensive checks in the order of their arrival, at most two at a time. */
export class PasswordCheck {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** Calls `check` when it is its turn; `check` verifies with `matches`. */
  async inTurn<T>(check: () => Promise<T>): Promise<T> {
    if (this.running >= CHECKS_AT_ONCE) await new Promise<void>((turn) => this.waiting.push(turn));
    else this.running++;
    try {
      return await check();
    } finally {
      const next = this.waiting.shift();
      // The turn is handed over without being given up, so that nobody can slip in between.
      if (next) next();
      else this.running--;
    }
  }
}

/** Whether the password belongs to the hash; takes the same time either way. */
export function matches(passwordHash: string, password: string): Promise<boolean> {
  return verify(passwordHash, normalized(password));
}

/** NIST SP 800-63B 5.1.1.2: the same characters, however a keyboard composes them, are the same password. */
function normalized(password: string): string {
  return password.normalize('NFKC');
}
