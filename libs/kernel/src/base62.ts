/** Digits in the order of their values: 0-9, A-Z, a-z. */
export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Bytes at or above this would make low digits likelier; 248 = 4 * 62. */
const UNBIASED_BELOW = 248;

/**
 * Draws `length` base62 characters from `bytes`, skipping bytes that would bias the draw.
 * Returns undefined when the bytes do not suffice (pass 2 * length: failing has a chance below 1e-15).
 */
export function base62FromBytes(bytes: Uint8Array, length: number): string | undefined {
  let text = '';
  for (const byte of bytes) {
    if (text.length === length) break;
    if (byte < UNBIASED_BELOW) text += BASE62[byte % 62];
  }
  return text.length === length ? text : undefined;
}
