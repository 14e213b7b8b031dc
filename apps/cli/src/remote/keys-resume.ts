import type { Command } from 'commander';
import { chooseKey, chooseRegistry, type RegistryOptions } from './choose.js';
import { signedIn } from './connection.js';
import { examples, withRegistryOption } from './options.js';
import { hint, printFields } from './screen.js';

export function addKeysResume(keys: Command): void {
  const command = keys
    .command('resume')
    .description('let a suspended key work again')
    .argument('<key>', 'its id, or its name where only one key has it');
  withRegistryOption(command).action((key: string, options: RegistryOptions) => resumeKey(key, options));
  examples(command, { 'dockreg keys resume deploy --registry myapp': 'it works at once' });
}

async function resumeKey(idOrName: string, options: RegistryOptions): Promise<void> {
  await signedIn(options, async (connection) => {
    const registry = await chooseRegistry(connection, options);
    const { id: key } = await chooseKey(connection, registry, idOrName);
    const { data } = await connection.api.POST('/v1/registries/{registry}/keys/{key}/resume', {
      params: { path: { registry, key } },
    });
    printFields(options, data, { id: data.id, name: data.name, status: data.status });
    hint(options, `Its history: dockreg keys events ${data.id}`);
  });
}
