import type { Command } from 'commander';
import { printResult } from '../output.js';
import { signedIn, type RemoteOptions } from './connection.js';
import { examples, withRemoteOptions } from './options.js';

export function addAuditKeyShow(auditKey: Command): void {
  const command = auditKey
    .command('show')
    .description('the verifier key of a server, over its API: what verify-receipt takes');
  withRemoteOptions(command).action((options: RemoteOptions) => showVerifierKey(options));
  examples(command, {
    'dockreg verify-receipt revoked.json --key "$(dockreg audit-key show)"':
      'checks an answer to a revocation',
  });
}

async function showVerifierKey(options: RemoteOptions): Promise<void> {
  await signedIn(options, async ({ api }) => {
    const { data } = await api.GET('/v1/audit-log/key');
    printResult(options, data, [data.key]);
  });
}
