// npm run test:contract: the recorded scenarios and the own cases, with each client package in a process of its own.
// With EVENTSTORE_URL set, the recorded scenarios on that server too (nobody else may use it).
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

const CURRENT_CLIENT = '@kurrent/kurrentdb-client';
const OLD_CLIENT = '@eventstore/db-client';
/** A directory that the old client is installed in, while it is no development dependency. */
const oldClient = process.env.OLD_CLIENT ?? OLD_CLIENT;

function isInstalled(place) {
  try {
    require.resolve(place);
    return true;
  } catch {
    return false;
  }
}

function jest(paths, env) {
  const program = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
  ];
  const { status } = spawnSync(process.execPath, [...program, ...paths], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, EVENTSTORE_URL: '', ...env },
  });
  if (status !== 0) process.exitCode = 1;
}

const conformance = 'test/contract/conformance.spec.ts';
const positions = 'test/contract/positions.spec.ts';
jest(['test/contract'], { CONTRACT_CLIENT: CURRENT_CLIENT });
if (isInstalled(oldClient)) jest([conformance], { CONTRACT_CLIENT: oldClient });
else {
  console.error(`${OLD_CLIENT} 6.2.1 is not installed: set OLD_CLIENT to the directory that it is in.`);
  process.exitCode = 1;
}
if (process.env.EVENTSTORE_URL) {
  for (const client of [CURRENT_CLIENT, oldClient]) {
    jest([conformance], { CONTRACT_CLIENT: client, EVENTSTORE_URL: process.env.EVENTSTORE_URL });
  }
  jest([positions], { EVENTSTORE_URL: process.env.EVENTSTORE_URL });
}
