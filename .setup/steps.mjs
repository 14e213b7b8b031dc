import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The project's folder, absolute. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Something that the person at the terminal has to put right; its text is all they need, so no stack is shown. */
export class SetupError extends Error {}

/** The set-up speaks on stderr: stdout belongs to the program that it prepares. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs one step that has work to do and tells how long it took. */
export async function step(name, work) {
  say(`set-up: ${name} …`);
  const startedAt = performance.now();
  await work();
  say(`set-up: ${name}, done in ${seconds(startedAt)}`);
}

/** Time since `startedAt` (`performance.now()`), for people. */
export function seconds(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

/**
 * Runs a program in the project's folder with its errors (and, moved to stderr, its output) on the terminal.
 * Throws a SetupError when it fails.
 */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
    ...options,
  });
  if (error) throw new SetupError(`${command} could not be started: ${error.message}`);
  if (status !== 0) {
    throw new SetupError(
      `${[command, ...args].join(' ')} failed (${signal ?? `exit code ${status}`}), see above.`,
    );
  }
}

/** Runs `work`; a SetupError ends the process with its text and exit code 1. */
export async function orExplain(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`\n${error.message}`);
    return process.exit(1);
  }
}
