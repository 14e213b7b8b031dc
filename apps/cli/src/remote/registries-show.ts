import type { Command } from 'commander';
import { signedIn, type RemoteOptions } from './connection.js';
import { examples, withRemoteOptions } from './options.js';
import { hint, printFields, time } from './screen.js';

export function addRegistriesShow(registries: Command): void {
  const command = registries
    .command('show')
    .description('one registry')
    .argument('<registry>', 'its slug or id');
  withRemoteOptions(command).action((registry: string, options: RemoteOptions) =>
    showRegistry(registry, options),
  );
  examples(command, { 'dockreg registries show myapp': 'its hosts, plan and upstream' });
}

async function showRegistry(registry: string, options: RemoteOptions): Promise<void> {
  await signedIn(options, async ({ api }) => {
    const { data } = await api.GET('/v1/registries/{registry}', { params: { path: { registry } } });
    printFields(options, data, registryFields(data));
    hint(options, `Its keys: dockreg keys list -r ${data.slug}`);
  });
}

/** What is told of a registry. */
export function registryFields(registry: {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly hosts: readonly string[];
  readonly upstream: string | null;
  readonly createdAt: string;
}): Record<string, string> {
  const { id, slug, name, plan, hosts, upstream, createdAt } = registry;
  const shared = 'the one that all share';
  return {
    id,
    slug,
    name,
    plan,
    hosts: hosts.join(' '),
    upstream: upstream ?? shared,
    created: time(createdAt),
  };
}
