import { parseKey } from '#libs/kernel';

/** `Basic ` and the base64 of `<key>:<key>` take 194 characters; whatever is longer than this cannot be a key. */
const HEADER_LENGTH_MAX = 1024;
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** A key whose form, checksum and user name are right; whether it exists is for `authorize` to say. */
export interface KeyCredentials {
  readonly kind: 'key';
  /** `drk_<16>` */
  readonly id: string;
  /** The 43 secret characters. Never log them. */
  readonly secret: string;
}
/**
 * `none`: no Authorization header. `malformed`: not one Basic pair in strict base64. `not_a_key`: a pair whose password is no
 * registry key (a typo or a fake, told by the checksum without a look-up), or whose user name is neither the key nor its id.
 */
export type Credentials = KeyCredentials | { readonly kind: 'none' | 'malformed' | 'not_a_key' };

const NONE = { kind: 'none' } as const;
const MALFORMED = { kind: 'malformed' } as const;
const NOT_A_KEY = { kind: 'not_a_key' } as const;

/**
 * Reads the value of an Authorization header (RFC 7617: the scheme in any case, the first colon ends the user name).
 * A request with two such headers must be treated as malformed by the caller, who sees them.
 */
export function parseCredentials(header: string | undefined): Credentials {
  if (header === undefined) return NONE;
  const encoded = header.length <= HEADER_LENGTH_MAX ? BASIC.exec(header)?.[1] : undefined;
  if (encoded === undefined) return MALFORMED;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) return MALFORMED;
  // A key is ASCII. Read as Latin-1, a byte beyond it (broken UTF-8 too) is a character that no key has.
  const pair = bytes.toString('latin1');
  const colon = pair.indexOf(':');
  if (colon === -1) return MALFORMED;
  const password = pair.slice(colon + 1);
  const key = parseKey(password);
  if (key === undefined || key.prefix !== 'drk') return NOT_A_KEY;
  const user = pair.slice(0, colon);
  return user === password || user === key.id ? { kind: 'key', id: key.id, secret: key.secret } : NOT_A_KEY;
}
