#!/usr/bin/env node
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { PortTaken, StoreFailed, StoreLocked, StoreUnreadable } from '#libs/embedded-store';
import { EventStoreUnavailable } from '#libs/event-store';
import { KEY_PATTERN, withoutKeys } from '#libs/kernel';
import { readSettings, SettingsError, type Settings } from '#libs/platform';
import { MasterKeyUnusable } from '#libs/personal-data';
import { auditKeyGenerate } from './audit-key.js';
import { backup } from './backup.js';
import { BackupDamaged } from './backup-file.js';
import { CliError, CommandFailure, EXIT, UnusableInput } from './cli-error.js';
import { declareRestored } from './declare-restored.js';
import type { OutputOptions } from './output.js';
import { projectionsRebuild, projectionsStatus, projectionsVerify } from './projections.js';
import { addAuditKeyShow } from './remote/audit-key-show.js';
import { addRemoteCommands } from './remote/remote-commands.js';
import { examples } from './remote/options.js';
import { restore } from './restore.js';
import { rotateMasterKey, type RotateOptions } from './rotate-master-key.js';
import { serveStore } from './serve-store.js';
import { verifyReceiptFile, type VerifyReceiptOptions } from './verify-receipt.js';

const NOTES = `
Over the API: DOCKREG_URL, DOCKREG_TOKEN and DOCKREG_REGISTRY, else what dockreg login stored. No secret is an argument.
On an installation: the settings of the server, EVENTSTORE_URL when it is set, else DATA_DIR (now: ./data).
Exit codes: 0 = done, 1 = failed, or a receipt is not valid, 2 = the command line or the input cannot be used,
3 = projections verify found a difference; over the API also 4 = not signed in, 5 = not found, or no right to it,
6 = conflict, 7 = no answer, or not now.`;

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
    .configureOutput({ outputError: (text, write) => write(withoutKeys(text)) })
    .exitOverride();
  addRemoteCommands(dockreg);
  dockreg.commandsGroup('On an installation:');
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
    .option(...JSON_OPTION)
    .action((file: string, options: OutputOptions) => restore(settings(), file, options));
  dockreg
    .command('declare-restored')
    .description('say that the log was restored by other means; every server must be stopped')
    .option(...JSON_OPTION)
    .action((options: OutputOptions) => declareRestored(settings(), options));
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
  addOperatorExamples(dockreg);
  return dockreg;
}

/** What to type, for each command on an installation. */
const OPERATOR_EXAMPLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  projections: { 'dockreg projections status': 'how far behind the log they are' },
  'projections status': { 'dockreg projections status --json': 'for a program' },
  'projections rebuild': { 'dockreg projections rebuild': 'after the server was stopped' },
  'projections verify': { 'dockreg projections verify': 'ends with 3 when something differs' },
  backup: { 'dockreg backup events-2026-11-24.backup': 'while the server runs' },
  restore: { 'DATA_DIR=/srv/new dockreg restore events-2026-11-24.backup': 'into an empty folder' },
  'declare-restored': { 'dockreg declare-restored': 'after EventStoreDB itself was restored' },
  'master-key': { 'dockreg master-key rotate': 'replaces it' },
  'master-key rotate': { 'dockreg master-key rotate --only-node': 'with EVENTSTORE_URL and one API node' },
  'verify-receipt': { 'dockreg verify-receipt revoked.json --key-file key.json': 'needs no server' },
  'audit-key': { 'dockreg audit-key show': 'the verifier key of a server' },
  'audit-key generate': { 'dockreg audit-key generate --name registry.example.com': 'prints both halves' },
  store: { 'dockreg store --port 2113': 'a store that other processes of this machine use' },
};

function addOperatorExamples(dockreg: Command): void {
  for (const [name, lines] of Object.entries(OPERATOR_EXAMPLES)) {
    const command = name
      .split(' ')
      .reduce((parent, part) => parent.commands.find((child) => child.name() === part)!, dockreg);
    examples(command, lines);
  }
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
  const auditKey = dockreg.command('audit-key').description('the key that signs receipts');
  addAuditKeyShow(auditKey);
  auditKey
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

/** The end of a command that failed: what is printed, and the code. */
function failureOf(error: unknown): { text: string; exitCode: number } {
  if (error instanceof CommandFailure) {
    const next = error.next.map((line) => `  ${line}\n`).join('');
    return { text: `error: ${error.message}\n${next}`, exitCode: error.exitCode };
  }
  const exitCode = error instanceof UnusableInput ? EXIT.usage : EXIT.failed;
  return { text: `dockreg: ${explain(error)}\n`, exitCode };
}

/** Whoever looks at the processes of a machine sees their arguments, and a shell keeps them: that key has leaked. */
function refuseSecrets(args: readonly string[]): void {
  if (!args.some((arg) => KEY_PATTERN.test(arg))) return;
  throw new UnusableInput(
    'An argument holds a whole key or access token, which others can see there: revoke it. ' +
      'A key is named by its id (drk_ and 16 characters); a token comes by standard input or DOCKREG_TOKEN.',
  );
}

try {
  refuseSecrets(process.argv.slice(2));
  await program().parseAsync();
  process.exit();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
  const { text, exitCode } = failureOf(error);
  process.stderr.write(withoutKeys(text));
  process.exit(exitCode);
}
