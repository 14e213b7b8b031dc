import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Personal data as an event holds it: AES-256-GCM (NIST SP 800-38D) under the key of one subject, with the subject as
 * associated data. Erasing the subject's key makes it unreadable everywhere, and every hash over the event stays valid.
 */
export interface Sealed {
  /** Whose data it is, such as `usr_…`: which key opens it. */
  readonly subject: string;
  /** Base64 of 12 random bytes. */
  readonly iv: string;
  /** Base64 of the encrypted salt and text, and 16 bytes of tag. */
  readonly ciphertext: string;
  /** SHA-256(salt ‖ text), hex: what the text was can be proven later, which GCM alone would not commit to. */
  readonly commitment: string;
}

export const SUBJECT_KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 32;
const ALGORITHM = 'aes-256-gcm';

/** Personal data cannot be read: it was changed, or the key is another subject's. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** Encrypts a text for one subject. Twice the same text gives two different results. */
export function seal(subject: string, key: Uint8Array, text: string): Sealed {
  const salt = randomBytes(SALT_BYTES);
  const plain = Buffer.concat([salt, Buffer.from(text, 'utf8')]);
  const { iv, sealed } = encrypt(key, plain, subject);
  return {
    subject,
    iv: iv.toString('base64'),
    ciphertext: sealed.toString('base64'),
    commitment: sha256(plain).toString('hex'),
  };
}

/** The text that was sealed. Throws SealBroken. */
export function unseal(sealed: Sealed, key: Uint8Array): string {
  const ciphertext = Buffer.from(sealed.ciphertext, 'base64');
  const plain = decrypt(key, Buffer.from(sealed.iv, 'base64'), ciphertext, sealed.subject);
  const commitment = Buffer.from(sealed.commitment, 'hex');
  const actual = sha256(plain);
  if (commitment.length !== actual.length || !timingSafeEqual(commitment, actual)) {
    throw new SealBroken('the commitment is not that of the text');
  }
  return plain.subarray(SALT_BYTES).toString('utf8');
}

export function isSealed(value: unknown): value is Sealed {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  return ['subject', 'iv', 'ciphertext', 'commitment'].every((name) => typeof fields[name] === 'string');
}

/** Bytes, such as another key, encrypted by a key; `context` must be the same when they are unwrapped. Base64 of iv ‖ ciphertext ‖ tag. */
export function wrap(wrapping: Uint8Array, bytes: Uint8Array, context: string): string {
  const { iv, sealed } = encrypt(wrapping, bytes, context);
  return Buffer.concat([iv, sealed]).toString('base64');
}

/** Takes base64url too. Throws SealBroken when the wrapping key or the context is another one. */
export function unwrap(wrapping: Uint8Array, wrapped: string, context: string): Buffer {
  const bytes = Buffer.from(wrapped, 'base64');
  return decrypt(wrapping, bytes.subarray(0, IV_BYTES), bytes.subarray(IV_BYTES), context);
}

function encrypt(key: Uint8Array, plain: Uint8Array, context: string): { iv: Buffer; sealed: Buffer } {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { iv, sealed };
}

function decrypt(key: Uint8Array, iv: Uint8Array, sealed: Buffer, context: string): Buffer {
  if (iv.length !== IV_BYTES || sealed.length < TAG_BYTES) throw new SealBroken('it is too short');
  try {
    const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context, 'utf8'));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new SealBroken('it was changed, or the key is another one');
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
