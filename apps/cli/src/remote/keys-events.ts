import type { Command } from 'commander';
import { chooseKey, chooseRegistry, type RegistryOptions } from './choose.js';
import { signedIn } from './connection.js';
import { printList, type ListOptions } from './list.js';
import { examples, withPageOptions, withRegistryOption } from './options.js';
import { time, type Column } from './screen.js';

interface KeyEvent {
  readonly at: string;
  readonly type: string;
  readonly actor: { readonly type: string; readonly id: string };
  readonly network: string | null;
  readonly position: string;
}

const COLUMNS: readonly Column<KeyEvent>[] = [
  { title: 'AT', cell: ({ at }) => time(at) },
  { title: 'EVENT', cell: ({ type }) => type, isFlexible: true },
  { title: 'BY', cell: ({ actor }) => `${actor.type} ${actor.id}`, isFlexible: true },
  { title: 'FROM', cell: ({ network }) => network ?? '-' },
  { title: 'POSITION', cell: ({ position }) => position },
];

export function addKeysEvents(keys: Command): void {
  const command = keys
    .command('events')
    .description('what happened to a key, the oldest first')
    .argument('<key>', 'its id, or its name where only one key has it');
  withPageOptions(withRegistryOption(command)).action((key: string, options: ListOptions & RegistryOptions) =>
    listEvents(key, options),
  );
  examples(command, { 'dockreg keys events deploy --all': 'the whole history' });
}

async function listEvents(idOrName: string, options: ListOptions & RegistryOptions): Promise<void> {
  await signedIn(options, async (connection) => {
    const registry = await chooseRegistry(connection, options);
    const { id: key } = await chooseKey(connection, registry, idOrName);
    await printList(options, 'events', COLUMNS, (query) =>
      connection.api.GET('/v1/registries/{registry}/keys/{key}/events', {
        params: { path: { registry, key }, query },
      }),
    );
  });
}
