import { catalogue } from '#libs/catalogue';
import { EventLog, readLogId, restartLog } from '#libs/event-store';
import { mintUuid, now, randomBase62, type Settings } from '#libs/platform';
import { CliError } from './cli-error.js';
import { eraseAgain, erasedAgainText, knownErasures } from './erase-again.js';
import { printResult } from './output.js';
import { reachLog } from './reach-log.js';
import type { RestoreOptions } from './restore.js';

const LOG_ID_CHARACTERS = 16;

/**
 * `dockreg declare-restored`: says in the log itself that it was restored by other means than `dockreg restore` (a copy of
 * a KurrentDB, a snapshot of a volume), so that read models and Redis keys of before are void. Erases again whoever was erased since the copy was made.
 */
export async function declareRestored(settings: Settings, options: RestoreOptions): Promise<void> {
  const erased = await knownErasures(settings, options.erasures ?? []);
  const reached = await reachLog(settings, { alone: 'it would go on with what it knows of the old log' });
  const log = new EventLog(reached.connectionString, catalogue);
  try {
    const oldLogId = await readLogId(log);
    if (oldLogId === undefined)
      throw new CliError('The log is empty: there is nothing that could have been restored.');
    const erasedAgain = await eraseAgain(log, erased);
    const logId = await restart(log, oldLogId);
    printResult(options, { oldLogId, logId, erasedAgain }, [
      ...erasedAgainText(erasedAgain),
      `It is a new log now (${logId}, before: ${oldLogId}): read models and jobs are made anew at the next start.`,
    ]);
  } finally {
    await log.close();
    await reached.close();
  }
}

/** Appends a LogStarted with a new random id, and answers it. */
export async function restart(log: EventLog, oldLogId: string): Promise<string> {
  const logId = randomBase62(LOG_ID_CHARACTERS);
  await restartLog(log, logId, now(), {
    commandId: mintUuid(),
    actor: { type: 'system', id: 'restore' },
    correlationId: `restore.${oldLogId}`,
  });
  return logId;
}
