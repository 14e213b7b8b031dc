import type { Command } from 'commander';
import { signedIn } from './connection.js';
import { printList, type ListOptions } from './list.js';
import { examples, withPageOptions, withRemoteOptions } from './options.js';
import { time, type Column } from './screen.js';

interface Registry {
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly hosts: readonly string[];
  readonly createdAt: string;
}

const COLUMNS: readonly Column<Registry>[] = [
  { title: 'SLUG', cell: ({ slug }) => slug },
  { title: 'NAME', cell: ({ name }) => name, isFlexible: true },
  { title: 'PLAN', cell: ({ plan }) => plan },
  { title: 'HOSTS', cell: ({ hosts }) => hosts.join(' '), isFlexible: true },
  { title: 'CREATED', cell: ({ createdAt }) => time(createdAt) },
];

export function addRegistriesList(registries: Command): void {
  const command = registries.command('list', { isDefault: true }).description('the registries that you see');
  withPageOptions(withRemoteOptions(command)).action((options: ListOptions) => listRegistries(options));
  examples(command, { 'dockreg registries list': 'what there is' });
}

async function listRegistries(options: ListOptions): Promise<void> {
  await signedIn(options, ({ api }) =>
    printList(options, 'registries', COLUMNS, (query) => api.GET('/v1/registries', { params: { query } })),
  );
}
