import type { Command } from 'commander';
import { ApiProblem } from '#libs/client';
import { apiOf, asking, connect, type RemoteOptions } from './connection.js';
import { readCredentials, withoutServer, writeCredentials } from './credentials.js';
import { examples, withRemoteOptions } from './options.js';
import { hint, printFields } from './screen.js';

/** Of an access token: `drm_` and 16 characters, which are no secret. */
const TOKEN_ID_LENGTH = 20;

export function addLogout(dockreg: Command): void {
  const command = dockreg
    .command('logout')
    .description('forget the access token of a server; one that dockreg login made is ended there too');
  withRemoteOptions(command).action((options: RemoteOptions) => logout(options));
  examples(command, { 'dockreg logout': 'at the server of the last sign-in' });
}

/** The token is forgotten also when the server cannot be asked; then the command fails, as the token still works. */
async function logout(options: RemoteOptions): Promise<void> {
  const { url } = connect(options);
  const stored = readCredentials();
  const signed = stored.servers[url];
  writeCredentials(withoutServer(stored, url));
  const ended = signed?.isOurs === true && (await asking(url, () => endToken(url, signed.token)));
  printFields(
    options,
    { url, signedOut: signed !== undefined, tokenEnded: ended },
    {
      server: url,
      state: signed ? 'signed out' : 'nobody was signed in',
    },
  );
  if (signed && !ended) {
    const id = signed.token.slice(0, TOKEN_ID_LENGTH);
    hint(
      options,
      `The access token ${id} still works for whoever has it. End it: DELETE /v1/access-tokens/${id}`,
    );
  }
}

/** Whether it works no longer. */
async function endToken(url: string, token: string): Promise<boolean> {
  try {
    const id = token.slice(0, TOKEN_ID_LENGTH);
    await apiOf(url, token).DELETE('/v1/access-tokens/{id}', { params: { path: { id } } });
    return true;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return true;
    throw error;
  }
}
