import { join } from 'node:path';
import { catalogue } from '#libs/catalogue';
import { EventLog } from '#libs/event-store';
import {
  generateGeneration,
  masterKeyFile,
  MasterKeyMissing,
  newestOf,
  parseMasterKey,
  readMasterKeyFile,
  replaceMasterKeyFile,
  SealBroken,
  SubjectKeys,
  type MasterKey,
} from '#libs/personal-data';
import { mintUuid, now, type Settings } from '#libs/platform';
import { DirectoryLocked, lockDirectory } from '#libs/sqlite';
import { CliError, UnusableInput } from './cli-error.js';
import { printResult, type OutputOptions } from './output.js';
import { reachLog } from './reach-log.js';

export interface RotateOptions extends OutputOptions {
  /** Needed with EVENTSTORE_URL: nobody can see from here whether other API nodes have a copy of the file. */
  readonly onlyNode?: boolean;
}

interface Rewrapped {
  /** Keys of all who were not erased. */
  readonly keys: number;
  /** Of these, those that another generation wrapped until now. */
  readonly rewrapped: number;
}

/**
 * `dockreg master-key rotate`: wraps the key of every subject with a new generation of the master key and destroys the
 * older ones, or says which of MASTER_KEY may be taken out. After that no backup from before opens with the master key.
 */
export async function rotateMasterKey(settings: Settings, options: RotateOptions): Promise<void> {
  if (settings.masterKey !== undefined) await moveToFirst(settings, given(settings.masterKey), options);
  else await rotateFile(settings, options);
}

function given(masterKey: string): MasterKey {
  try {
    return parseMasterKey(masterKey);
  } catch (error) {
    throw new UnusableInput(`MASTER_KEY: ${(error as Error).message}`);
  }
}

/** MASTER_KEY is the operator's: only the log is written. */
async function moveToFirst(settings: Settings, masterKey: MasterKey, options: OutputOptions): Promise<void> {
  const { id: generation } = newestOf(masterKey);
  const counted = await rewrapAll(settings, masterKey);
  const removable = othersThan(generation, masterKey);
  const advice =
    removable.length > 0
      ? [
          `May be taken out of MASTER_KEY, and destroyed: ${removable.join(', ')} (all but the first).`,
          'Only if every API node was restarted with this MASTER_KEY before; if not, restart it and run this again.',
        ]
      : ['MASTER_KEY names one generation. To rotate it, put a new one in front: openssl rand -base64 32'];
  printResult(options, { generation, ...counted, removable }, [textOf(generation, counted), ...advice]);
}

/**
 * At every moment the file is whole and opens every key. A run that was interrupted leaves generations in it, which the
 * next run destroys with all the others: it always begins with a new one, so that it also covers backups of in between.
 */
async function rotateFile(settings: Settings, options: RotateOptions): Promise<void> {
  const { dataDir, eventStoreUrl } = settings;
  if (eventStoreUrl !== undefined && options.onlyNode !== true) {
    throw new CliError(
      'With EVENTSTORE_URL other API nodes may have a copy of the master key’s file, which would open nothing any more. ' +
        'Say --only-node when there is none; else set MASTER_KEY on every node, see docs/identity.md.',
    );
  }
  const file = masterKeyFile(dataDir);
  const unlock = lockRotation(dataDir);
  try {
    const old = readMasterKeyFile(file);
    if (!old) throw new CliError(`There is no master key: neither MASTER_KEY nor ${file}.`);
    const newest = generateGeneration();
    const counted = await rewrapAll(settings, { generations: [newest, ...old.generations] }, (masterKey) =>
      replaceMasterKeyFile(file, masterKey),
    );
    replaceMasterKeyFile(file, { generations: [newest] });
    const destroyed = othersThan(newest.id, old);
    printResult(options, { file, generation: newest.id, ...counted, destroyed }, [
      textOf(newest.id, counted),
      `Destroyed: ${destroyed.join(', ')}. What a backup from before holds of people opens with no file that is here.`,
      `Put a copy of ${file} in the place of the one that is kept apart from the backups, and destroy that.`,
    ]);
  } finally {
    unlock();
  }
}

/** Every key of the log moves to the newest generation. `begin` is called once the log is reached. */
async function rewrapAll(
  settings: Settings,
  masterKey: MasterKey,
  begin: (masterKey: MasterKey) => void = () => undefined,
): Promise<Rewrapped> {
  const reached = await reachLog(settings);
  const log = new EventLog(reached.connectionString, catalogue);
  try {
    const subjectKeys = new SubjectKeys(log, masterKey, now);
    begin(masterKey);
    let [keys, rewrapped] = [0, 0];
    for await (const subject of subjectKeys.all()) {
      const outcome = await rewrap(subjectKeys, subject);
      if (outcome !== 'erased') keys++;
      if (outcome === 'rewrapped') rewrapped++;
    }
    return { keys, rewrapped };
  } finally {
    await log.close();
    await reached.close();
  }
}

async function rewrap(subjectKeys: SubjectKeys, subject: string): ReturnType<SubjectKeys['rewrap']> {
  const commandId = mintUuid();
  const actor = { type: 'system', id: 'master-key' } as const;
  try {
    return await subjectKeys.rewrap(subject, { commandId, actor, correlationId: `rotate.${commandId}` });
  } catch (error) {
    if (!(error instanceof MasterKeyMissing || error instanceof SealBroken)) throw error;
    throw new CliError(`The key of ${subject} cannot be opened: ${error.message}. Nothing was destroyed.`, {
      cause: error,
    });
  }
}

/** Two at once would each destroy the generation that the other one has just begun to use. */
function lockRotation(dataDir: string): () => void {
  try {
    return lockDirectory(join(dataDir, 'master-key.rotation'));
  } catch (error) {
    if (!(error instanceof DirectoryLocked)) throw error;
    throw new CliError(`Another dockreg rotates the master key of ${dataDir}.`);
  }
}

function othersThan(newest: string, { generations }: MasterKey): string[] {
  return generations.map(({ id }) => id).filter((id) => id !== newest);
}

function textOf(generation: string, { keys, rewrapped }: Rewrapped): string {
  return `The generation ${generation} wraps all ${keys.toLocaleString('en')} keys (${rewrapped.toLocaleString('en')} of them since now).`;
}
