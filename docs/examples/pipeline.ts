// The same job as pipeline.sh with the generated client. docs/client.md says what it needs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyReceipt } from '#libs/audit';
import { dockregApi } from '#libs/client';

const { env } = process;
const { DOCKREG_URL = '', DOCKREG_TOKEN = '', DOCKREG_REGISTRY: registry = '', GATE = '' } = env;
const api = dockregApi({ baseUrl: DOCKREG_URL, token: DOCKREG_TOKEN });
const keys = '/v1/registries/{registry}/keys';

const { data: made } = await api.POST(keys, {
  params: { path: { registry } },
  headers: { 'Idempotency-Key': `job-${env['CI_JOB_ID'] ?? process.pid}` },
  body: { name: 'pipeline', permission: 'read-write', expiresIn: 'PT1H' },
});
const revoke = () =>
  api.POST(`${keys}/{key}/revoke`, { params: { path: { registry, key: made.id } }, body: {} });
try {
  dockerLogin(made.id, made.key ?? '');
  // … docker push …
} finally {
  await revoke();
}

// Revoking again gives the first receipt.
const { data: revoked } = await revoke();
writeFileSync('revoked.json', JSON.stringify(revoked));
const { data: verifier } = await api.GET('/v1/audit-log/key');
const verdict = verifyReceipt(revoked, verifier.key);
if (!verdict.ok) throw new Error(`the receipt is not valid: ${verdict.problems.join(', ')}`);
process.stdout.write(`Valid: ${made.id} was revoked at ${revoked.revokedAt}.\n`);

/** With a configuration of its own, which is deleted: docker stores the key there. */
function dockerLogin(user: string, key: string): void {
  const config = mkdtempSync(join(tmpdir(), 'docker-'));
  const options = { input: key, env: { ...env, DOCKER_CONFIG: config }, encoding: 'utf8' } as const;
  const { status, stderr } = spawnSync('docker', ['login', '-u', user, '--password-stdin', GATE], options);
  rmSync(config, { recursive: true });
  if (status !== 0) throw new Error(`docker login failed: ${stderr}`);
}
