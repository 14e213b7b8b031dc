import { Option, type Command } from 'commander';
import { chooseRegistry, type Key, type RegistryOptions } from './choose.js';
import { signedIn, type Connection } from './connection.js';
import { printList, type ListOptions } from './list.js';
import { examples, given, withPageOptions, withRegistryOption } from './options.js';
import { time, type Column } from './screen.js';
import type { Colour } from '../output.js';

const SORTS = ['createdAt', '-createdAt', 'name', '-name'] as const;

/** What chooses keys, here and for `keys revoke`. */
export interface KeyFilterOptions {
  readonly status?: string;
  readonly permission?: string;
  readonly name?: string;
  readonly label?: string;
  readonly createdBy?: string;
  readonly expiresBefore?: string;
}

interface ListKeysOptions extends ListOptions, RegistryOptions, KeyFilterOptions {
  readonly unusedSince?: string;
  readonly asOf?: string;
  readonly sort?: (typeof SORTS)[number];
}

export function addKeysList(keys: Command): void {
  const command = keys.command('list').description('the keys of a registry, revoked and expired ones too');
  withKeyFilters(command)
    .option('--unused-since <time>', 'not used since then')
    .option('--as-of <time>', 'what was true at that time')
    .addOption(new Option('--sort <order>', 'default: -createdAt, the newest first').choices(SORTS));
  withPageOptions(withRegistryOption(command)).action((options: ListKeysOptions) => listKeys(options));
  examples(command, {
    'dockreg keys list --registry myapp --status active --label env=prod': 'those that work, of one label',
    'dockreg keys list --expires-before 2027-01-01T00:00:00Z --all --json': 'for a program, every page',
  });
}

/** The filters of the API, by its names; `--name` is its `q`. */
export function withKeyFilters(command: Command): Command {
  return command
    .option('--status <list>', 'active, suspended, expired, revoked; several apart by commas')
    .option('--permission <list>', 'read, read-write, read-write-delete; several apart by commas')
    .option('--name <part>', 'a part of the name, in any case')
    .option('--label <name[=value]>', 'with this label')
    .option('--created-by <user>', 'id of a user, or me')
    .option('--expires-before <time>', 'such as 2027-01-01T00:00:00Z');
}

async function listKeys(options: ListKeysOptions): Promise<void> {
  await signedIn(options, async (connection) => {
    const registry = await chooseRegistry(connection, options);
    const { unusedSince, asOf, sort } = options;
    const filter = { ...(await filterOf(connection, options)), ...given({ unusedSince, asOf, sort }) };
    await printList(options, 'keys', COLUMNS, (place) =>
      connection.api.GET('/v1/registries/{registry}/keys', {
        params: { path: { registry }, query: { ...filter, ...place } },
      }),
    );
  });
}

/** What was given, as the API takes it. */
export async function filterOf(
  { api }: Connection,
  { status, permission, name, label, createdBy, expiresBefore }: KeyFilterOptions,
) {
  const isMe = createdBy === 'me';
  return given({
    status,
    permission,
    q: name,
    label: label?.replace(/^([^=:]*)=/u, '$1:'),
    createdBy: isMe ? (await api.GET('/v1/session')).data.user.id : createdBy,
    expiresBefore,
  });
}

/** A state that somebody should notice has a colour. */
function colourOf(status: string): Colour | undefined {
  if (status === 'active') return 'green';
  return status === 'revoked' ? 'red' : 'yellow';
}

const COLUMNS: readonly Column<Key>[] = [
  { title: 'NAME', cell: ({ name }) => name, isFlexible: true },
  { title: 'ID', cell: ({ id }) => id },
  { title: 'PERMISSION', cell: ({ permission }) => permission },
  { title: 'STATUS', cell: ({ status }) => status, colour: ({ status }) => colourOf(status) },
  { title: 'EXPIRES', cell: ({ expiresAt }) => time(expiresAt) },
];
