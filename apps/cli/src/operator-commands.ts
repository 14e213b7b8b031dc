import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { Settings } from '#libs/platform';
import type { OutputOptions } from './output.js';
import { addAuditKeyShow } from './remote/audit-key-show.js';
import { examples } from './remote/options.js';
import type { RestoreOptions } from './restore.js';
import type { RotateOptions } from './rotate-master-key.js';
import type { VerifyReceiptOptions } from './verify-receipt.js';

const ERASURES_OPTION = [
  '--erasures <files...>',
  'who was erased since: DATA_DIR/erased-users of another directory, or later backups',
] as const;
const JSON_OPTION = ['--json', 'print one JSON object'] as const;

/** The settings of the environment, with another data directory when one is given. */
async function settings(dataDir?: string): Promise<Settings> {
  const { readSettings } = await import('#libs/platform');
  return readSettings({ ...process.env, ...(dataDir !== undefined && { DATA_DIR: dataDir }) });
}

/**
 * The commands that work on an installation itself. Each loads its code, and reads the settings, when it runs: `--help` works
 * with none, and the commands over the API start without the drivers of the stores.
 */
export function addOperatorCommands(dockreg: Command): void {
  dockreg.commandsGroup('On an installation:');
  addProjectionCommands(dockreg);
  dockreg
    .command('backup')
    .description('write every event to one file; the server may be running')
    .argument('<file>', 'a file that does not exist yet')
    .option(...JSON_OPTION)
    .action(async (file: string, options: OutputOptions) =>
      (await import('./backup.js')).backup(await settings(), file, options),
    );
  dockreg
    .command('restore')
    .description('put the events of a backup into an empty DATA_DIR; the server must be stopped')
    .argument('<file>', 'written by dockreg backup')
    .option(...ERASURES_OPTION)
    .option(...JSON_OPTION)
    .action(async (file: string, options: RestoreOptions) =>
      (await import('./restore.js')).restore(await settings(), file, options),
    );
  dockreg
    .command('declare-restored')
    .description('say that the log was restored by other means; every server must be stopped')
    .option(...ERASURES_OPTION)
    .option(...JSON_OPTION)
    .action(async (options: RestoreOptions) =>
      (await import('./declare-restored.js')).declareRestored(await settings(), options),
    );
  addMasterKeyCommand(dockreg);
  addAuditCommands(dockreg);
  dockreg
    .command('store')
    .description(
      'serve the embedded store to other processes of this machine, for development; ends on SIGTERM',
    )
    .option('--data-dir <folder>', 'whose events; default: DATA_DIR')
    .option('--port <number>', 'on 127.0.0.1; default: a free one', portOf, 0)
    .option(...JSON_OPTION)
    .action(async ({ dataDir, port, ...options }: OutputOptions & { dataDir?: string; port: number }) =>
      (await import('./serve-store.js')).serveStore(
        resolve(dataDir ?? (await settings()).dataDir),
        port,
        options,
      ),
    );
  addOperatorExamples(dockreg);
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

function addProjectionCommands(dockreg: Command): void {
  const projections = dockreg
    .command('projections')
    .description('the read models, which are built from the log');
  projections
    .command('status')
    .description('what each read-model file holds, and how far behind the log it is')
    .option(...JSON_OPTION)
    .action(async (options: OutputOptions) =>
      (await import('./projections.js')).projectionsStatus(await settings(), options),
    );
  projections
    .command('rebuild')
    .description('build each read-model file anew; the server must be stopped')
    .option(...JSON_OPTION)
    .action(async (options: OutputOptions) =>
      (await import('./projections.js')).projectionsRebuild(await settings(), options),
    );
  projections
    .command('verify')
    .description('compare each read-model file with a replay of the log')
    .option(...JSON_OPTION)
    .action(async (options: OutputOptions) =>
      (await import('./projections.js')).projectionsVerify(await settings(), options),
    );
}

function addMasterKeyCommand(dockreg: Command): void {
  dockreg
    .command('master-key')
    .description('the key over the keys of personal data')
    .command('rotate')
    .description('replace it, so that no backup from before opens with it; the server may be running')
    .option('--data-dir <folder>', 'whose master key and events; default: DATA_DIR')
    .option('--only-node', 'with EVENTSTORE_URL: no other API node has a copy of the file')
    .option(...JSON_OPTION)
    .action(async ({ dataDir, ...options }: RotateOptions & { dataDir?: string }) =>
      (await import('./rotate-master-key.js')).rotateMasterKey(await settings(dataDir), options),
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
    .action(async (file: string, options: VerifyReceiptOptions) =>
      (await import('./verify-receipt.js')).verifyReceiptFile(file, options),
    );
  const auditKey = dockreg.command('audit-key').description('the key that signs receipts');
  addAuditKeyShow(auditKey);
  auditKey
    .command('generate')
    .description('print a new signer key, for AUDIT_KEY, and its verifier key')
    .option('--name <name>', 'whose key it is; default: REGISTRY_DOMAIN')
    .option(...JSON_OPTION)
    .action(async ({ name, ...options }: OutputOptions & { name?: string }) =>
      (await import('./audit-key.js')).auditKeyGenerate(name ?? (await settings()).registryDomain, options),
    );
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('a port is a number from 0 to 65535.');
}
