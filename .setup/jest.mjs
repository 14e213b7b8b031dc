import { spawn } from 'node:child_process';
import { root } from './steps.mjs';

/** What Node is started with to run Jest, which loads ES modules through an experimental interface. */
export const jestArguments = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];

/** Runs Jest on the terminal and resolves to its exit code. A signal that would end us ends Jest first. */
export function jest(args, env = {}) {
  const child = spawn(process.execPath, [...jestArguments, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
