#!/usr/bin/env node
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { PortTaken, StoreFailed, StoreLocked, StoreUnreadable } from '#libs/embedded-store';
import { EventStoreUnavailable } from '#libs/event-store';
import { readSettings, SettingsError, type Settings } from '#libs/platform';
import { MasterKeyUnusable } from '#libs/personal-data';
import { auditKeyGenerate } from './audit-key.js';
import { backup } from './backup.js';
import { BackupDamaged } from './backup-file.js';
import { CliError, EXIT, UnusableInput } from './cli-error.js';
import { declareRestored } from './declare-restored.js';
import type { OutputOptions } from './output.js';
import { projectionsRebuild, projectionsStatus, projectionsVerify } from './projections.js';
import { restore, type RestoreOptions } from './restore.js';
import { rotateMasterKey, type RotateOptions } from './rotate-master-key.js';
import { serveStore } from './serve-store.js';
import { verifyReceiptFile, type VerifyReceiptOptions } from './verify-receipt.js';

const NOTES = `
It works on the same settings as the server: EVENTSTORE_URL when it is set, else DATA_DIR (now: ./data).
Exit codes: 0 = done, 1 = failed, or a receipt is not valid, 2 = the command line or the input cannot be used,
3 = projections verify found a difference.`;

const ERASURES_OPTION = [
  '--erasures <files...>',
  'who was erased since: DATA_DIR/erased-users of another directory, or later backups',
] as const;
const JSON_OPTION = ['--json', 'print one JSON object'] as const;

/** The settings of the environment, with another data directory when one is given. */
type SettingsOf = (dataDir?: string) => Settings;

/** The whole command line. Settings are read when a command runs, so that `--help` works with none. */
function program(): Command {
  const settings: SettingsOf = (dataDir) =>
    readSettings({ ...process.env, ...(dataDir !== undefined && { DATA_DIR: dataDir }) });
  const dockreg = new Command('dockreg')
    .description('Manages a Dockreg Keys installation.')
    .addHelpText('after', NOTES)
    .exitOverride();
  addProjectionCommands(dockreg, settings);
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
    .option(...ERASURES_OPTION)
    .option(...JSON_OPTION)
    .action((file: string, options: RestoreOptions) => restore(settings(), file, options));
  dockreg
    .command('declare-restored')
    .description('say that the log was restored by other means; every server must be stopped')
    .option(...ERASURES_OPTION)
    .option(...JSON_OPTION)
    .action((options: RestoreOptions) => declareRestored(settings(), options));
  addMasterKeyCommand(dockreg, settings);
  addAuditCommands(dockreg);
  dockreg
    .command('store')
    .description(
      'serve the embedded store to other processes of this machine, for development; ends on SIGTERM',
    )
    .option('--data-dir <folder>', 'whose events; default: DATA_DIR')
    .option('--port <number>', 'on 127.0.0.1; default: a free one', portOf, 0)
    .option(...JSON_OPTION)
    .action(({ dataDir, port, ...options }: OutputOptions & { dataDir?: string; port: number }) =>
      serveStore(resolve(dataDir ?? settings().dataDir), port, options),
    );
  return dockreg;
}

function addProjectionCommands(dockreg: Command, settings: SettingsOf): void {
  const projections = dockreg
    .command('projections')
    .description('the read models, which are built from the log');
  projections
    .command('status')
    .description('what each read-model file holds, and how far behind the log it is')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => projectionsStatus(settings(), options));
  projections
    .command('rebuild')
    .description('build each read-model file anew; the server must be stopped')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => projectionsRebuild(settings(), options));
  projections
    .command('verify')
    .description('compare each read-model file with a replay of the log')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => projectionsVerify(settings(), options));
}

function addMasterKeyCommand(dockreg: Command, settings: SettingsOf): void {
  dockreg
    .command('master-key')
    .description('the key over the keys of personal data')
    .command('rotate')
    .description('replace it, so that no backup from before opens with it; the server may be running')
    .option('--data-dir <folder>', 'whose master key and events; default: DATA_DIR')
    .option('--only-node', 'with EVENTSTORE_URL: no other API node has a copy of the file')
    .option(...JSON_OPTION)
    .action(({ dataDir, ...options }: RotateOptions & { dataDir?: string }) =>
      rotateMasterKey(settings(dataDir), options),
    );
}

/** What an auditor uses: these commands need no installation. */
function addAuditCommands(dockreg: Command): void {
  dockreg
    .command('verify-receipt')
    .description('check the answer to a revocation, offline')
    .argument('<file>', 'the JSON that the API answered; - = standard input')
    .option('--key <key>', 'the verifier key, as GET /v1/audit-log/key gives it')
    .option('--key-file <file>', 'a file with it')
    .option(...JSON_OPTION)
    .action((file: string, options: VerifyReceiptOptions) => verifyReceiptFile(file, options));
  dockreg
    .command('audit-key')
    .description('the key that signs receipts')
    .command('generate')
    .description('print a new signer key, for AUDIT_KEY, and its verifier key')
    .option('--name <name>', 'whose key it is; default: REGISTRY_DOMAIN')
    .option(...JSON_OPTION)
    .action(({ name, ...options }: OutputOptions & { name?: string }) =>
      auditKeyGenerate(name ?? readSettings(process.env).registryDomain, options),
    );
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('a port is a number from 0 to 65535.');
}

/** Errors whose message is a sentence for whoever typed the command. */
const EXPLAINED = [
  CliError,
  MasterKeyUnusable,
  BackupDamaged,
  PortTaken,
  StoreFailed,
  StoreLocked,
  StoreUnreadable,
] as const;

/** The sentence for whoever typed the command. A stack is shown only for what nobody foresaw. */
function explain(error: unknown): string {
  if (error instanceof SettingsError) return error.problems.join('\n         ');
  if (EXPLAINED.some((type) => error instanceof type)) return (error as Error).message;
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
  process.exit(error instanceof UnusableInput ? EXIT.usage : EXIT.failed);
}
