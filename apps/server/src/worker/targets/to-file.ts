import { constants } from 'node:fs';
import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import type { RotationTargetOf } from '../../rotation-target.js';
import { DeliveryFailed, type NewSecret } from './delivery.js';

/** Only the user of this process reads it. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Writes the key, and nothing else, to a file below the folder of its registry in `directory`: whole or not at all, and never
 * outside, also where somebody has put a link.
 */
export async function toFile(
  directory: string | undefined,
  { path }: RotationTargetOf<'file'>,
  secret: NewSecret,
): Promise<null> {
  if (directory === undefined) throw new DeliveryFailed('this installation writes no files', true);
  try {
    await write(join(directory, secret.registry.slug), path, secret);
  } catch (error) {
    if (error instanceof DeliveryFailed) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new DeliveryFailed(`the file could not be written (${code})`, false, { cause: error });
  }
  return null;
}

async function write(folder: string, path: string, { key, id }: NewSecret): Promise<void> {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  const root = await realpath(folder);
  const parent = join(root, dirname(path));
  await refuseOutside(root, parent);
  await mkdir(parent, { recursive: true, mode: FOLDER_MODE });
  const real = await realpath(parent);
  if (real !== parent) throw new DeliveryFailed('the path leads through a link, which is refused', true);
  const file = join(real, basename(path));
  const draft = join(real, `.${basename(path)}.${id}`);
  try {
    await writeDraft(draft, key);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  if ((await readFile(file, 'utf8')) !== key) throw new DeliveryFailed('the file has something else', false);
}

/** What is there of the way must not leave the folder: nothing is made beyond a link. */
async function refuseOutside(root: string, parent: string): Promise<void> {
  for (let place = parent; place !== root; place = dirname(place)) {
    if (!place.startsWith(root + sep)) throw new DeliveryFailed('the path leads out of its folder', true);
    const real = await realpath(place).catch(() => undefined);
    if (real !== undefined && real !== place) {
      throw new DeliveryFailed('the path leads through a link, which is refused', true);
    }
  }
}

async function writeDraft(draft: string, text: string): Promise<void> {
  await rm(draft, { force: true });
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const handle = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
