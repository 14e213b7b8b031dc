import type { Command } from 'commander';
import { chooseKey, chooseRegistry, type RegistryOptions } from './choose.js';
import { signedIn } from './connection.js';
import { examples, withRegistryOption } from './options.js';
import { printFields, time } from './screen.js';

export function addKeysShow(keys: Command): void {
  const command = keys
    .command('show')
    .description('one key, without the key itself')
    .argument('<key>', 'its id, or its name where only one key has it');
  withRegistryOption(command).action((key: string, options: RegistryOptions) => showKey(key, options));
  examples(command, { 'dockreg keys show drk_4TzR0aKd9P2Xb7Qm --json': 'as the API answers it' });
}

async function showKey(idOrName: string, options: RegistryOptions): Promise<void> {
  await signedIn(options, async (connection) => {
    const registry = await chooseRegistry(connection, options);
    const key = await chooseKey(connection, registry, idOrName);
    const labels = Object.entries(key.labels).map(([name, value]) => `${name}=${value}`);
    printFields(options, key, {
      id: key.id,
      name: key.name,
      permission: key.permission,
      status: key.status,
      repositories: key.repositories.join(' ') || 'all',
      networks: key.networks.join(' ') || 'all',
      'expected countries': key.expectedCountries.join(' ') || undefined,
      description: key.description ?? undefined,
      labels: labels.join(' ') || undefined,
      created: `${time(key.createdAt)} by ${key.createdBy}`,
      expires: time(key.expiresAt),
      'rotate by': time(key.rotateBy),
      revoked: key.revokedAt === null ? undefined : time(key.revokedAt),
      'docker login': key.dockerLogin,
    });
  });
}
