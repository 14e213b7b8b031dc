import type { Command } from 'commander';
import { EXIT, UnusableInput } from '../cli-error.js';
import { printResult } from '../output.js';
import { confirm } from './ask.js';
import { chooseKey, chooseRegistry, type RegistryOptions } from './choose.js';
import { signedIn, type Connection } from './connection.js';
import { filterOf, withKeyFilters, type KeyFilterOptions } from './keys-list.js';
import { examples, given, withRegistryOption } from './options.js';
import { hint, printFields, shown, time } from './screen.js';

interface RevokeOptions extends RegistryOptions, KeyFilterOptions {
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function addKeysRevoke(keys: Command): void {
  const command = keys
    .command('revoke')
    .description(
      'revoke a key, or all that the filters choose, for good; nothing accepts it after the answer',
    )
    .argument('[key]', 'its id, or its name where only one key has it; else give filters')
    .option('--reason <text>', 'stands in the history')
    .option('--dry-run', 'with filters: only say which keys')
    .option('--yes', 'do not ask');
  withRegistryOption(withKeyFilters(command)).action((key: string | undefined, options: RevokeOptions) =>
    revoke(key, options),
  );
  examples(command, {
    'dockreg keys revoke deploy --registry myapp': 'asks for the name, and prints the receipt',
    'dockreg keys revoke drk_4TzR0aKd9P2Xb7Qm --yes --json > revoked.json': 'keeps the receipt as a file',
    'dockreg keys revoke --label team=edge --dry-run': 'which ones a bulk revocation would choose',
  });
}

async function revoke(idOrName: string | undefined, options: RevokeOptions): Promise<void> {
  await signedIn(options, async (connection) => {
    const registry = await chooseRegistry(connection, options);
    const filter = await filterOf(connection, options);
    const isBulk = Object.keys(filter).length > 0;
    if (isBulk === (idOrName !== undefined)) {
      throw new UnusableInput('Name one key, or give filters such as --label: either, and not both.');
    }
    if (idOrName === undefined) return revokeMany(connection, registry, filter, options);
    if (options.dryRun) throw new UnusableInput('--dry-run goes with filters.');
    return revokeOne(connection, registry, idOrName, options);
  });
}

async function revokeOne(
  connection: Connection,
  registry: string,
  idOrName: string,
  options: RevokeOptions,
): Promise<void> {
  const { id, name, permission, status } = await chooseKey(connection, registry, idOrName);
  // Revoking again changes nothing, and gives the first receipt.
  if (status !== 'revoked') {
    const what = `Revoke ${shown(name)} (${id}, ${permission}) of ${registry}, for good? Type its name: `;
    await confirm(what, [name, shown(name), id], options);
  }
  const { data } = await connection.api.POST('/v1/registries/{registry}/keys/{key}/revoke', {
    params: { path: { registry, key: id } },
    body: given({ reason: options.reason }),
  });
  const { members, durationMs, position } = data.receipt;
  printFields(options, data, {
    id,
    name,
    status: data.status,
    revoked: time(data.revokedAt),
    receipt: `position ${position}, ${members.length} processes, ${durationMs} ms`,
  });
  hint(
    options,
    `The receipt as a file: dockreg keys revoke ${id} -r ${registry} --yes --json > revoked.json`,
    'Check it: dockreg verify-receipt revoked.json --key "$(dockreg audit-key show)"',
  );
}

/** Says first whom the filters choose; a key that is generated after that is asked about in no second question. */
async function revokeMany(
  { api }: Connection,
  registry: string,
  filter: Awaited<ReturnType<typeof filterOf>>,
  options: RevokeOptions,
): Promise<void> {
  const call = (dryRun: boolean) =>
    api.POST('/v1/registries/{registry}/keys/revoke', {
      params: { path: { registry } },
      body: { filter, dryRun, ...given({ reason: options.reason }) },
    });
  const { data: chosen } = await call(true);
  if (options.dryRun || chosen.matched === 0) {
    if (options.json) return printResult(options, chosen, []);
    for (const id of chosen.ids) process.stdout.write(`${id}\n`);
    return hint(options, `The filters choose ${chosen.matched} keys of ${registry}. Nothing was revoked.`);
  }
  const question = `Revoke ${chosen.matched} keys of ${registry}, for good? Type ${registry} to go on: `;
  await confirm(question, [registry], options);
  const { data } = await call(false);
  printFields(options, data, {
    matched: String(data.matched),
    revoked: String(data.revoked),
    failed: String(data.failed),
  });
  for (const { id, detail } of data.failures) process.stderr.write(`${id}: ${shown(detail)}\n`);
  if (data.failed > 0) process.exitCode = EXIT.failed;
  else
    hint(
      options,
      'Each key has a receipt of its own: dockreg keys revoke <key> --yes --json shows it again.',
    );
}
