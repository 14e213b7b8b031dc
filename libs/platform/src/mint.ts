import { randomBytes, randomUUID } from 'node:crypto';
import { base62FromBytes, ID_LENGTH, SECRET_LENGTH } from '#libs/kernel';

/** A new id of this kind: `<prefix>_` and 16 random base62 characters (95 bits). */
export function mintId(prefix: 'drk' | 'drm' | 'reg' | 'chn'): string {
  return `${prefix}_${randomBase62(ID_LENGTH)}`;
}

/** A new secret: 43 random base62 characters (256 bits). */
export function mintSecret(): string {
  return randomBase62(SECRET_LENGTH);
}

/** A random UUID, for command ids and the like. */
export function mintUuid(): string {
  return randomUUID();
}

export function randomBase62(length: number): string {
  for (;;) {
    const text = base62FromBytes(randomBytes(2 * length), length);
    if (text !== undefined) return text;
  }
}
