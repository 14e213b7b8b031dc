#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { EventStoreUnavailable } from '#libs/event-store';
import { readSettings, SettingsError } from '#libs/platform';
import { NothingToVerify } from '#libs/read-models';
import { backup } from './backup.js';
import { BackupDamaged } from './backup-file.js';
import { CliError, EXIT } from './cli-error.js';
import { declareRestored } from './declare-restored.js';
import type { OutputOptions } from './output.js';
import { projectionsRebuild, projectionsStatus, projectionsVerify } from './projections.js';
import { restore } from './restore.js';

const NOTES = `
It works on the same settings as the server: EVENTSTORE_URL when it is set, else DATA_DIR (now: ./data).
Exit codes: 0 = done, 1 = failed, 2 = the command line is wrong, 3 = verify found a difference.`;

const JSON_OPTION = ['--json', 'print one JSON object'] as const;

/** The whole command line. Settings are read when a command runs, so that `--help` works with none. */
function program(): Command {
  const settings = () => readSettings(process.env);
  const dockreg = new Command('dockreg')
    .description('Manages a Dockreg Keys installation.')
    .addHelpText('after', NOTES)
    .exitOverride();
  const projections = dockreg
    .command('projections')
    .description('the read models, which are built from the log');
  projections
    .command('status')
    .description('what the read-model file holds, and how far behind the log it is')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => projectionsStatus(settings(), options));
  projections
    .command('rebuild')
    .description('build the read-model file anew; the server must be stopped')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => projectionsRebuild(settings(), options));
  projections
    .command('verify')
    .description('compare the read-model file with a replay of the log')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => projectionsVerify(settings(), options));
  dockreg
    .command('backup')
    .description('write every event to one file; the server may be running')
    .argument('<file>', 'a file that does not exist yet')
    .option(...JSON_OPTION)
    .action((file: string, options: OutputOptions) => backup(settings(), file, options));
  dockreg
    .command('restore')
    .description('put the events of a backup into an empty DATA_DIR; the server must be stopped')
    .argument('<file>', 'written by dockreg backup')
    .option(...JSON_OPTION)
    .action((file: string, options: OutputOptions) => restore(settings(), file, options));
  dockreg
    .command('declare-restored')
    .description('say that the log was restored by other means; every server must be stopped')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => declareRestored(settings(), options));
  return dockreg;
}

/** The sentence for whoever typed the command. A stack is shown only for what nobody foresaw. */
function explain(error: unknown): string {
  if (error instanceof SettingsError) return error.problems.join('\n         ');
  if (error instanceof CliError || error instanceof NothingToVerify || error instanceof BackupDamaged) {
    return error.message;
  }
  if (error instanceof EventStoreUnavailable) return `${error.message} (${String(error.cause)})`;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  await program().parseAsync();
  process.exit();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
  process.stderr.write(`dockreg: ${explain(error)}\n`);
  process.exit(EXIT.failed);
}
