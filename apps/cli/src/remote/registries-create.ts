import type { Command } from 'commander';
import { signedIn, type RemoteOptions } from './connection.js';
import { collected, examples, given, withRemoteOptions } from './options.js';
import { registryFields } from './registries-show.js';
import { hint, printFields } from './screen.js';

interface CreateOptions extends RemoteOptions {
  readonly name?: string;
  readonly host?: string[];
  readonly owner?: string;
  readonly upstream?: string;
}

export function addRegistriesCreate(registries: Command): void {
  const command = registries
    .command('create')
    .description('create a registry; for administrators')
    .argument('<slug>', 'lower-case letters, digits and single hyphens; it never changes')
    .option('--name <name>', 'for people; default: the slug')
    .option('--host <host>', 'a further host; may be given several times', collected)
    .option('--owner <user>', 'id of the user who owns it')
    .option('--upstream <address>', 'a registry behind the gate for this one alone');
  withRemoteOptions(command).action((slug: string, options: CreateOptions) => createRegistry(slug, options));
  examples(command, {
    "dockreg registries create team-a --name 'Team A' --host images.example.com": 'with a host',
  });
}

async function createRegistry(slug: string, options: CreateOptions): Promise<void> {
  await signedIn(options, async ({ api }) => {
    const { name = slug, host: hosts, owner, upstream } = options;
    const body = { slug, name, ...given({ hosts, owner, upstream }) };
    const { data } = await api.POST('/v1/registries', { body });
    printFields(options, data, registryFields(data));
    hint(options, `Generate a key for it: dockreg keys generate <name> -r ${data.slug}`);
  });
}
