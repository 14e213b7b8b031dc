import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '#libs/platform';
import type { RunningServer } from './start-server.js';

/** Tells the person who started the program where it is, how to sign in, and what to try. Secrets only on a terminal. */
export function printBanner(server: RunningServer, settings: Settings): void {
  const { api, gate, operationsUrl } = server;
  const obstacle = server.obstacle();
  const lines = [
    '',
    obstacle === undefined ? 'Dockreg Keys is ready.' : `Dockreg Keys runs, but is not ready: ${obstacle}`,
    '',
    ...(api ? [`  Management API   ${api.url}   (readable at ${api.url}/docs)`] : []),
    ...(gate ? [`  Gate             ${gate.url}`] : []),
    ...(operationsUrl ? [`  Worker           ${operationsUrl}/readyz`] : []),
    ...(api ? [signIn(api.firstPassword(), settings)] : []),
    '',
    ...(api ? generate(api.url, settings) : []),
    ...(gate ? ['Use it:', `  docker login -u <key id> -p <key> 127.0.0.1:${gate.port}`, ''] : []),
    'Ctrl-C ends it.',
    '',
  ];
  process.stdout.write(lines.join('\n'));
}

function generate(apiUrl: string, settings: Settings): string[] {
  return [
    'Generate a key:',
    `  curl -c cookies -H 'Content-Type: application/json' ${apiUrl}/v1/session \\`,
    `    -d '{"email":"${settings.bootstrapAdminEmail}","password":"<password>"}'`,
    `  curl -b cookies -H 'Content-Type: application/json' -H 'Origin: ${apiUrl}' \\`,
    `    ${apiUrl}/v1/registries/${settings.bootstrapRegistry}/keys \\`,
    `    -d '{"name":"CI/CD Pipeline","permission":"read-write","expiresIn":"P90D"}'`,
    '',
  ];
}

function signIn(firstPassword: string | undefined, settings: Settings): string {
  return `  Sign in as       ${settings.bootstrapAdminEmail}, password ${passwordHint(firstPassword, settings)}`;
}

function passwordHint(firstPassword: string | undefined, settings: Settings): string {
  if (settings.bootstrapAdminPassword !== undefined) return 'as in BOOTSTRAP_ADMIN_PASSWORD';
  if (firstPassword !== undefined) return `${firstPassword}   (shown this once)`;
  const file = join(settings.dataDir, 'admin-password');
  return existsSync(file) ? `in ${file}` : 'as shown at the first start';
}
