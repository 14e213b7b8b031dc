import { createHmac } from 'node:crypto';

/** RFC 5321 4.5.3.1.3: a path has at most 256 octets, two of them brackets. */
export const EMAIL_MAX = 254;

/** One `@` between two parts without blanks and control characters: whether mail arrives, only mail can tell. */
export const EMAIL_PATTERN = /^[^\s@\p{C}]{1,64}@[^\s@\p{C}]{1,189}$/u;

/** What two spellings of one address have in common: NFKC, lower case, no blanks around it. */
export function foldEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/**
 * What stands in the log in the place of whom an issuer of OpenID Connect names: HMAC-SHA-256 of issuer and subject id, hex.
 * `key` as for emailIndex, and another one.
 */
export function subjectIndex(key: Uint8Array, issuer: string, subject: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([issuer, subject]))
    .digest('hex');
}

/** What stands in the log in the place of an address: HMAC-SHA-256 of the folded address, hex. `key`: 32 bytes that only API nodes have. */
export function emailIndex(key: Uint8Array, email: string): string {
  return createHmac('sha256', key).update(foldEmail(email)).digest('hex');
}
