import type { Command } from 'commander';
import { NoAnswer } from '#libs/client';
import { EXIT } from '../cli-error.js';
import { printResult } from '../output.js';
import { asking, connect, type Connection, type RemoteOptions } from './connection.js';
import { examples, withRemoteOptions } from './options.js';
import { hint, printFields } from './screen.js';

/** What `GET /v1/status` answers on every role; it needs nobody signed in. */
interface Status {
  readonly ready: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly required: boolean;
    readonly problem: string | null;
  }[];
  readonly position?: string;
}

/** Longer than that a server that is well does not take. */
const TIMEOUT_MS = 10_000;

export function addStatus(dockreg: Command): void {
  const command = dockreg
    .command('status')
    .description('whether the server is well, and who is signed in there; ends with 7 when it is not ready');
  withRemoteOptions(command).action((options: RemoteOptions) => status(options));
  examples(command, { 'dockreg status --url http://127.0.0.1:3000': 'needs no sign-in' });
}

async function status(options: RemoteOptions): Promise<void> {
  const connection = connect(options);
  const answer = await asking(connection.url, () => statusOf(connection.url));
  if (options.json) printResult(options, answer, []);
  else {
    const faults = answer.checks.filter(({ problem }) => problem !== null);
    printFields(options, answer, {
      server: connection.url,
      state: answer.ready ? 'ready' : 'not ready',
      ...Object.fromEntries(faults.map(({ name, problem }) => [name, problem!])),
      'signed in': await whoIsSignedIn(connection),
    });
  }
  if (answer.ready) return;
  process.exitCode = EXIT.unavailable;
  hint(options, 'What each check means: docs/operations.md');
}

async function statusOf(url: string): Promise<Status> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(`${url}/v1/status`, { signal, redirect: 'error' });
    return (await answer.json()) as Status;
  } catch (error) {
    throw new NoAnswer(url, error);
  }
}

/** A server that is not ready may not know; that is no failure of the command. */
async function whoIsSignedIn({ api, token }: Connection): Promise<string> {
  if (token === undefined) return 'nobody';
  try {
    const { data } = await api.GET('/v1/session');
    return `${data.user.email}${data.user.administrator ? ', an administrator' : ''}`;
  } catch {
    return 'the access token is not accepted';
  }
}
