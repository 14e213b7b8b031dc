import { hash, verify } from '@node-rs/argon2';
import { foldEmail } from '#libs/identity';
import { Refusal } from '#libs/kernel';

/** OWASP's first choice for argon2id: 19 MiB and two passes, about 20 ms of one core. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Each check takes a thread of Node's pool of four and 19 MiB; the other two stay free for files and names. */
const CHECKS_AT_ONCE = 2;

/** NIST SP 800-63B asks for 8 at least and to take 64; what is longer than the largest is no password but a mistake. */
const PASSWORD_LENGTH = { min: 10, max: 256 };

/** PHC string of a password (argon2id). */
export function hashPassword(password: string): Promise<string> {
  return hash(normalized(password), ARGON2ID);
}

/** Throws Refusal `invalid-value` for a password that nobody should set; `email` is that of the user. */
export function refuseWeakPassword(password: string, email: string): void {
  const { min, max } = PASSWORD_LENGTH;
  const length = [...password].length;
  if (length < min || length > max) throw unfit(`a password has ${min} to ${max} characters`);
  if (foldEmail(password) === foldEmail(email)) throw unfit('the e-mail address is no password');
}

/** Runs expensive checks in the order of their arrival, at most two at a time. */
class Turns {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  async take<T>(check: () => Promise<T>): Promise<T> {
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

/** One for the whole process, as the pool of threads is. */
const turns = new Turns();

/** Calls `check` when it is its turn; `check` verifies with `matches`, or hashes. */
export function inTurn<T>(check: () => Promise<T>): Promise<T> {
  return turns.take(check);
}

/** Whether the password belongs to the hash; takes the same time either way. */
export function matches(passwordHash: string, password: string): Promise<boolean> {
  return verify(passwordHash, normalized(password));
}

function unfit(detail: string): Refusal {
  return new Refusal('invalid-value', detail, { field: '/password' });
}

/** NIST SP 800-63B 5.1.1.2: the same characters, however a keyboard composes them, are the same password. */
function normalized(password: string): string {
  return password.normalize('NFKC');
}
