import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A secret and where it is from; only the name may be shown. */
export interface Canary {
  readonly name: string;
  readonly secret: string;
}

/** Where a canary was found, without the canary. */
export interface Sighting {
  readonly canary: string;
  readonly encoding: string;
  readonly place: string;
}

/** The forms in which a secret could be written, as byte strings to look for. */
export function formsOf(secret: string): { encoding: string; bytes: Buffer }[] {
  const bytes = Buffer.from(secret);
  const texts: [string, string][] = [
    ['raw', secret],
    ...base64Forms(secret),
    ['base64 of user:key', Buffer.from(`${secret}:${secret}`).toString('base64')],
    ['URL-encoded', encodeURIComponent(secret)],
    ['URL-encoded, every byte', bytes.toString('hex').replace(/../g, '%$&')],
    ['JSON', JSON.stringify(secret).slice(1, -1)],
    ['hex', bytes.toString('hex')],
    ['upper-case hex', bytes.toString('hex').toUpperCase()],
    ['reversed', [...secret].reverse().join('')],
  ];
  const forms = texts.map(([encoding, text]) => ({ encoding, bytes: Buffer.from(text) }));
  return [...forms, { encoding: 'UTF-16', bytes: Buffer.from(secret, 'utf16le') }];
}

/**
 * What base64 makes of the secret, whatever stands before and after it: the characters that depend on its own bytes alone,
 * for each of the three places where it can begin in a group of three bytes, in both alphabets.
 */
function base64Forms(secret: string): [string, string][] {
  return [0, 1, 2].flatMap((offset): [string, string][] => {
    const before = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor((before.length * 8) / 6);
    const forms = ['base64', 'base64url'] as const;
    return forms.map((form) => [`${form} at ${offset}`, before.toString(form).slice(first, last)]);
  });
}

/** The canaries that stand in `content`, in any form. */
export function sightingsIn(place: string, content: Buffer, canaries: readonly Canary[]): Sighting[] {
  return canaries.flatMap(({ name, secret }) =>
    formsOf(secret)
      .filter(({ bytes }) => content.includes(bytes))
      .map(({ encoding }) => ({ canary: name, encoding, place })),
  );
}

/** The canaries in all files below `folder`, and in their names. `except`: paths relative to it. */
export function sightingsBelow(
  folder: string,
  canaries: readonly Canary[],
  except: readonly string[],
): { sightings: Sighting[]; files: string[] } {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((file) => !except.includes(file));
  const sightings = files.flatMap((file) =>
    sightingsIn(file, Buffer.concat([Buffer.from(`${file}\n`), readFileSync(join(folder, file))]), canaries),
  );
  return { sightings, files };
}
