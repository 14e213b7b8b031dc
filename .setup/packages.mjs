import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, step } from './steps.mjs';

/** Installs exactly the locked packages, unless that is what node_modules holds already. */
export async function ensurePackages() {
  if (packagesAreCurrent(root)) return false;
  const { command, args } = npm();
  await step('installing the locked packages (about a minute)', () =>
    run(command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']),
  );
  return true;
}

/**
 * Whether node_modules is what package-lock.json says. npm writes `node_modules/.package-lock.json` last, after
 * everything it lists is in place, so the comparison also finds an interrupted installation. A package that is
 * optional may be absent: it is for another platform.
 */
function packagesAreCurrent(folder) {
  const hidden = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = readPackages(hidden);
  const locked = readPackages(join(folder, 'package-lock.json'));
  const missing = Object.entries(locked).some(([path, entry]) => {
    const present = installed[path];
    return present ? !isSame(present, entry) : path !== '' && !entry.optional;
  });
  return !missing && Object.keys(installed).every((path) => locked[path]);
}

function isSame(present, locked) {
  return present.version === locked.version && present.integrity === locked.integrity;
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/** The npm that started us, else the one on PATH. */
function npm() {
  const running = process.env.npm_execpath;
  return running && /npm-cli\.[cm]?js$/.test(running)
    ? { command: process.execPath, args: [running] }
    : { command: 'npm', args: [] };
}
