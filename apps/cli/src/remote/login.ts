import { hostname } from 'node:os';
import type { Command } from 'commander';
import { CommandFailure, EXIT, UnusableInput } from '../cli-error.js';
import { ask, askSecret, fromStandardInput, isInteractive } from './ask.js';
import { addressOf, apiOf, asking, checkedToken, isOpenlySent, type RemoteOptions } from './connection.js';
import { credentialsFile, readCredentials, withServer, writeCredentials } from './credentials.js';
import { examples, withRemoteOptions } from './options.js';
import { hint, printFields } from './screen.js';

/** Where `npm start` serves the API. */
const URL_DEFAULT = 'http://127.0.0.1:3000';
/** A token on a disk should not live for ever. */
const LIFETIME_DEFAULT = 'P90D';

interface LoginOptions extends RemoteOptions {
  readonly tokenStdin?: boolean;
  readonly passwordStdin?: boolean;
  readonly email?: string;
  readonly expiresIn: string;
}

export function addLogin(dockreg: Command): void {
  const command = dockreg
    .command('login')
    .description('sign in to a server, with an access token or with e-mail address and password')
    .argument('[url]', `address of the server; default: DOCKREG_URL, the last one, or ${URL_DEFAULT}`)
    .option('--token-stdin', 'an access token comes on standard input')
    .option('--email <address>', 'sign in with a password, which is exchanged for an access token')
    .option('--password-stdin', 'the password comes on standard input')
    .option(
      '--expires-in <duration>',
      'how long the token lives that a password is exchanged for',
      LIFETIME_DEFAULT,
    );
  withRemoteOptions(command).action((url: string | undefined, options: LoginOptions) => login(url, options));
  examples(command, {
    'dockreg login http://127.0.0.1:3000': 'asks for what it needs',
    'dockreg login https://keys.example.com --token-stdin < token': 'for a script',
  });
}

async function login(named: string | undefined, options: LoginOptions): Promise<void> {
  const { tokenStdin, passwordStdin, email } = options;
  if (tokenStdin && (passwordStdin || email !== undefined)) {
    throw new UnusableInput('Sign in with --token-stdin, or with --email: either, and not both.');
  }
  if (!tokenStdin && !isInteractive() && !(email !== undefined && passwordStdin)) {
    throw new UnusableInput('Nobody can be asked here: give --token-stdin, or --email and --password-stdin.');
  }
  const url = await chooseServer(named ?? options.url, options);
  if (isOpenlySent(url))
    hint(options, `Warning: ${url} is plain HTTP. Whoever is on the way can read the token.`);
  const signed = await asking(url, () => sign(url, options));
  const { data } = await asking(url, () => apiOf(url, signed.token).GET('/v1/session'));
  writeCredentials(withServer(readCredentials(), url, signed));
  printFields(options, data, { server: url, 'signed in': data.user.email, stored: credentialsFile() });
  hint(options, 'Next: dockreg registries list, dockreg keys list.');
}

async function chooseServer(
  named: string | undefined,
  { tokenStdin, passwordStdin }: LoginOptions,
): Promise<string> {
  if (named !== undefined) return addressOf(named);
  const usual = (process.env['DOCKREG_URL'] || undefined) ?? readCredentials().current ?? URL_DEFAULT;
  const isAsked = isInteractive() && !tokenStdin && !passwordStdin;
  return addressOf((isAsked && (await ask(`Server (${usual}): `))) || usual);
}

async function sign(url: string, options: LoginOptions): Promise<{ token: string; isOurs: boolean }> {
  const { tokenStdin, passwordStdin, email } = options;
  if (tokenStdin) {
    const token = (await fromStandardInput('the access token')).trim();
    return { token: checkedToken(token, 'Standard input'), isOurs: false };
  }
  if (email === undefined) {
    const token = (await askSecret('Access token (nothing: sign in with a password): ')).trim();
    if (token !== '') return { token: checkedToken(token, 'That'), isOurs: false };
  }
  const address = email ?? (await ask('E-mail address: '));
  const password = passwordStdin ? await fromStandardInput('the password') : await askSecret('Password: ');
  return { token: await exchanged(url, address, password, options), isOurs: true };
}

/** Signs in, makes an access token with the session, and ends the session. */
async function exchanged(
  url: string,
  email: string,
  password: string,
  options: LoginOptions,
): Promise<string> {
  const { response } = await apiOf(url, undefined).POST('/v1/session', { body: { email, password } });
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0];
  if (cookie === undefined) throw new CommandFailure(`${url} gave no session`, EXIT.failed);
  const api = apiOf(url, undefined, { cookie, origin: new URL(url).origin });
  const body = { name: `dockreg on ${hostname()}`.slice(0, 200), expiresIn: options.expiresIn };
  try {
    const { token } = (await api.POST('/v1/access-tokens', { body })).data;
    if (token === null)
      throw new CommandFailure('the access token was not shown: sign in again', EXIT.failed);
    return token;
  } finally {
    // The session ends by itself; the token must not be lost to it.
    await api.DELETE('/v1/session').catch(() => undefined);
  }
}
