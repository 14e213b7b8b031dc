#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { KEY_PATTERN, withoutKeys } from '#libs/kernel';
import { CliError, CommandFailure, EXIT, UnusableInput } from './cli-error.js';
import { addOperatorCommands } from './operator-commands.js';
import { addRemoteCommands } from './remote/remote-commands.js';

const NOTES = `
Over the API: DOCKREG_URL, DOCKREG_TOKEN and DOCKREG_REGISTRY, else what dockreg login stored. No secret is an argument.
On an installation: the settings of the server, EVENTSTORE_URL when it is set, else DATA_DIR (now: ./data).
Exit codes: 0 = done, 1 = failed, or a receipt is not valid, 2 = the command line or the input cannot be used,
3 = projections verify found a difference; over the API also 4 = not signed in, 5 = not found, or no right to it,
6 = conflict, 7 = no answer, or not now.`;

/** The whole command line. */
function program(): Command {
  const dockreg = new Command('dockreg')
    .description('Manages a Dockreg Keys installation.')
    .addHelpText('after', NOTES)
    .configureOutput({ outputError: (text, write) => write(withoutKeys(text)) })
    .exitOverride();
  addRemoteCommands(dockreg);
  addOperatorCommands(dockreg);
  return dockreg;
}

/** The end of a command that failed: what is printed, and the code. */
async function failureOf(error: unknown): Promise<{ text: string; exitCode: number }> {
  if (error instanceof CommandFailure) {
    const next = error.next.map((line) => `  ${line}\n`).join('');
    return { text: `error: ${error.message}\n${next}`, exitCode: error.exitCode };
  }
  const exitCode = error instanceof UnusableInput ? EXIT.usage : EXIT.failed;
  return { text: `dockreg: ${await messageOf(error)}\n`, exitCode };
}

/** The errors of the stores are loaded only to be told apart. */
async function messageOf(error: unknown): Promise<string> {
  return error instanceof CliError ? error.message : (await import('./explain.js')).explain(error);
}

/** Whoever looks at the processes of a machine sees their arguments, and a shell keeps them: that key has leaked. */
function refuseSecrets(args: readonly string[]): void {
  if (!args.some((arg) => KEY_PATTERN.test(arg))) return;
  throw new UnusableInput(
    'An argument holds a whole key or access token, which others can see there: revoke it. ' +
      'A key is named by its id (drk_ and 16 characters); a token comes by standard input or DOCKREG_TOKEN.',
  );
}

// Whoever reads only the beginning of a list, as `head` does, has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? 0 : EXIT.failed),
);

try {
  refuseSecrets(process.argv.slice(2));
  await program().parseAsync();
  process.exit();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
  const { text, exitCode } = await failureOf(error);
  process.stderr.write(withoutKeys(text));
  process.exit(exitCode);
}
