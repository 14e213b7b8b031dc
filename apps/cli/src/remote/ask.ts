import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CommandFailure, EXIT, UnusableInput } from '../cli-error.js';

/** Whether somebody can be asked: questions go to standard error, as standard output is for the result. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** What a person types, without the spaces around it. */
export async function ask(question: string): Promise<string> {
  return (await typed(question, process.stderr)).trim();
}

/** What a person types, exactly: a password may begin or end with a space. It is not shown while it is typed. */
export async function askSecret(question: string): Promise<string> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    // The question comes once the terminal shows nothing any more: who answers at once is not shown either.
    return await typed('', nothing, () => process.stderr.write(question));
  } finally {
    process.stderr.write('\n');
  }
}

/** All that comes on standard input, but for the one line end with which files and `echo` end. */
export async function fromStandardInput(what: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`${what}, then Ctrl-D:\n`);
  const given = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (given === '') throw new UnusableInput(`Nothing came on standard input: ${what}.`);
  return given;
}

/** Goes on only if the person types one of `answers`. Where nobody can be asked, only `--yes` goes on. */
export async function confirm(
  question: string,
  answers: readonly string[],
  { yes }: { readonly yes?: boolean },
): Promise<void> {
  if (yes) return;
  if (!isInteractive()) {
    throw new UnusableInput('Nobody can be asked here, and this cannot be undone: say --yes.');
  }
  if (answers.includes(await ask(question))) return;
  throw new CommandFailure('not confirmed: nothing was changed', EXIT.failed);
}

function typed(
  question: string,
  output: NodeJS.WritableStream,
  ready: () => unknown = () => undefined,
): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  return new Promise((resolve, reject) => {
    prompt.once('SIGINT', () => prompt.close());
    prompt.once('close', () => reject(new CommandFailure('nothing was typed', EXIT.failed)));
    prompt.question(question, (answer) => {
      resolve(answer);
      prompt.close();
    });
    ready();
  });
}
