import { createHash, createHmac, randomBytes } from 'node:crypto';

/** Generations of the operator's master key, the newest first. Each wraps the keys of subjects; a destroyed one opens nothing. */
export interface MasterKey {
  readonly generations: readonly Generation[];
  /** The same master key as it is now, of one that can change while the program runs; without it, it never does. */
  reread?(): MasterKey;
}

export interface Generation {
  /** Public: the first 8 hex digits of SHA-256(`dockreg master key generation` ‖ key); stands beside what it wraps. */
  readonly id: string;
  readonly key: Uint8Array;
}

const KEY_BYTES = 32;

/** A new generation. */
export function generateGeneration(): Generation {
  return generationOf(randomBytes(KEY_BYTES));
}

/**
 * Reads `MASTER_KEY`, or the file: generations as base64 of 32 bytes each, newest first, separated by commas or line ends.
 * Throws an error that repeats nothing of the text.
 */
export function parseMasterKey(text: string): MasterKey {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  const keys = parts.map((part) => Buffer.from(part, 'base64'));
  const isWhole = parts.length > 0 && parts.every((part, index) => keys[index]!.toString('base64') === part);
  if (!isWhole || keys.some((key) => key.length !== KEY_BYTES)) {
    throw new Error('a master key is base64 of 32 bytes; older generations may follow, separated by commas');
  }
  const generations = keys.map(generationOf);
  if (new Set(generations.map(({ id }) => id)).size !== generations.length) {
    throw new Error('a generation of the master key is named twice');
  }
  return { generations };
}

/** What `parseMasterKey` reads, a generation on each line. */
export function formatMasterKey({ generations }: MasterKey): string {
  return generations.map(({ key }) => `${Buffer.from(key).toString('base64')}\n`).join('');
}

/** The one that wraps new keys. */
export function newestOf({ generations }: MasterKey): Generation {
  return generations[0]!;
}

export function generationById({ generations }: MasterKey, id: string): Generation | undefined {
  return generations.find((generation) => generation.id === id);
}

/** A key for one purpose that follows from another key: HMAC-SHA-256(key, purpose), as HKDF-Expand of RFC 5869 with one block. */
export function derivedKey(key: Uint8Array, purpose: string): Buffer {
  return createHmac('sha256', key).update(purpose).update(Buffer.of(1)).digest();
}

function generationOf(key: Uint8Array): Generation {
  const id = createHash('sha256')
    .update('dockreg master key generation')
    .update(key)
    .digest('hex')
    .slice(0, 8);
  return { id, key };
}
