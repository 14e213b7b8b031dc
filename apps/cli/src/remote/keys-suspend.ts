import type { Command } from 'commander';
import { chooseKey, chooseRegistry, type RegistryOptions } from './choose.js';
import { signedIn } from './connection.js';
import { examples, withRegistryOption } from './options.js';
import { hint, printFields } from './screen.js';

export function addKeysSuspend(keys: Command): void {
  const command = keys
    .command('suspend')
    .description('refuse a key until it is resumed; every request after the answer is refused')
    .argument('<key>', 'its id, or its name where only one key has it');
  withRegistryOption(command).action((key: string, options: RegistryOptions) => suspendKey(key, options));
  examples(command, { 'dockreg keys suspend deploy --registry myapp': 'while somebody looks into it' });
}

async function suspendKey(idOrName: string, options: RegistryOptions): Promise<void> {
  await signedIn(options, async (connection) => {
    const registry = await chooseRegistry(connection, options);
    const { id: key } = await chooseKey(connection, registry, idOrName);
    const { data } = await connection.api.POST('/v1/registries/{registry}/keys/{key}/suspend', {
      params: { path: { registry, key } },
    });
    printFields(options, data, { id: data.id, name: data.name, status: data.status });
    hint(options, `A suspended key works again after: dockreg keys resume ${data.id}`);
  });
}
