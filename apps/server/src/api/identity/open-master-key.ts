import { existsSync } from 'node:fs';
import type { EventLog } from '#libs/event-store';
import { Refusal, streamName } from '#libs/kernel';
import {
  createMasterKeyFile,
  masterKeyFile,
  MasterKeyMissing,
  MasterKeyUnusable,
  parseMasterKey,
  readMasterKeyFile,
  SealBroken,
  subjects,
  type MasterKey,
} from '#libs/personal-data';
import type { Log, Settings } from '#libs/platform';
import { INSTALLATION_SUBJECT } from './users.js';

const ASK =
  'Set MASTER_KEY to that of the other nodes, or put their file, or that of the backup, in its place';

/**
 * The master key of the settings, else that of the file; the first start of an installation makes the file. Where the log has
 * keys already, another master key would open none of them, so none is made. Throws Refusal with a sentence for the operator.
 */
export async function openMasterKey(
  { masterKey, dataDir, eventStoreUrl }: Pick<Settings, 'masterKey' | 'dataDir' | 'eventStoreUrl'>,
  eventLog: EventLog,
  log: Pick<Log, 'warn'>,
): Promise<MasterKey> {
  const file = masterKeyFile(dataDir);
  if (masterKey !== undefined) {
    if (existsSync(file))
      log.warn({ file }, 'both MASTER_KEY and a file with a master key are there: MASTER_KEY is used');
    return parseMasterKey(masterKey);
  }
  const stored = explained(() => readMasterKeyFile(file));
  if (stored) return stored;
  const known = await eventLog.readStream(streamName(subjects.category, INSTALLATION_SUBJECT));
  if (known.length > 0) {
    throw new Refusal(
      'unavailable',
      `the master key is missing: neither MASTER_KEY nor ${file} is there. ${ASK}.`,
    );
  }
  if (eventStoreUrl !== undefined) {
    log.warn(
      { file },
      'a master key was made for this installation: every other API node needs the same one',
    );
  }
  return explained(() => createMasterKeyFile(file));
}

/** Runs the first use of the keys; throws Refusal when this node's master key is not that of the installation. */
export async function provingMasterKey<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (error instanceof MasterKeyMissing)
      throw new Refusal('unavailable', `${error.message}. ${ASK}.`, { cause: error });
    if (error instanceof SealBroken)
      throw new Refusal('unavailable', `the master key opens no keys: ${error.message}. ${ASK}.`, {
        cause: error,
      });
    throw error;
  }
}

function explained<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof MasterKeyUnusable) throw new Refusal('unavailable', error.message, { cause: error });
    throw error;
  }
}
