import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BASE62 } from './base62.js';

/**
 * The format of registry keys (`drk_`) and access tokens (`drm_`): `<prefix>_<id>_<secret><checksum>`, 70 characters.
 * id 16 base62 characters (public), secret 43 base62 characters (256 bits), checksum 6: the CRC-32 (IEEE) of all
 * characters before it, big-endian in base62, left-padded with `0`. The expression below finds keys in leaked text.
 */
export const KEY_PATTERN = /dr[km]_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}/;

export const ID_LENGTH = 16;
export const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const KEY_LENGTH = 4 + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH;
const WHOLE_KEY = new RegExp(`^${KEY_PATTERN.source}$`);
const EVERY_KEY = new RegExp(KEY_PATTERN.source, 'g');
const KEY_ID = /^dr[km]_[0-9A-Za-z]{16}$/;

export type KeyPrefix = 'drk' | 'drm';

export interface ParsedKey {
  readonly prefix: KeyPrefix;
  /** `drk_<16>` or `drm_<16>`: public. */
  readonly id: string;
  /** The 43 secret characters. Never log them. */
  readonly secret: string;
}

/** Reads a key or token; undefined when its form or checksum is wrong. Needs no look-up. */
export function parseKey(text: string): ParsedKey | undefined {
  if (text.length !== KEY_LENGTH || !WHOLE_KEY.test(text)) return undefined;
  const body = text.slice(0, KEY_LENGTH - CHECKSUM_LENGTH);
  if (checksum(body) !== text.slice(KEY_LENGTH - CHECKSUM_LENGTH)) return undefined;
  return { prefix: text.slice(0, 3) as KeyPrefix, id: text.slice(0, 20), secret: text.slice(21, 64) };
}

/** Builds the whole key from an id (`drk_<16>`) and a secret of 43 base62 characters. */
export function formatKey(id: string, secret: string): string {
  const body = `${id}_${secret}`;
  return body + checksum(body);
}

/** The text with every key and access token in it replaced: for what other programs say about requests, and for errors. */
export function withoutKeys(text: string): string {
  return text.replace(EVERY_KEY, '[key]');
}

/** The keys and access tokens in a text, each once, in their order. Look-alikes whose checksum is wrong are none. */
export function keysIn(text: string): ParsedKey[] {
  const found = new Set(Array.from(text.matchAll(EVERY_KEY), ([key]) => key));
  return [...found].flatMap((key) => parseKey(key) ?? []);
}

/** Whether the text has the form of a key's public id. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

/**
 * SHA-256 of the 43 secret characters, lower-case hex. A plain hash is right for 256 random bits
 * (OWASP ASVS 6.5.2, NIST SP 800-63B 5.1.1.2).
 */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/** CRC-32 (IEEE, as in zlib) of the ASCII text in six base62 digits. */
function checksum(text: string): string {
  let value = crc32(text);
  let digits = '';
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    digits = BASE62[value % 62] + digits;
    value = Math.floor(value / 62);
  }
  return digits;
}
