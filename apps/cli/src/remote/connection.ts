import { ApiProblem, dockregApi, NoAnswer, type DockregApi } from '#libs/client';
import { parseKey } from '#libs/kernel';
import { CommandFailure, EXIT, UnusableInput } from '../cli-error.js';
import type { OutputOptions } from '../output.js';
import { failureOf } from './api-failure.js';
import { readCredentials } from './credentials.js';

/** What every command over the API takes. */
export interface RemoteOptions extends OutputOptions {
  readonly url?: string;
  /** Without hints. */
  readonly quiet?: boolean;
}

/** A server, and who asks it. */
export interface Connection {
  readonly url: string;
  /** undefined: nobody is signed in there. */
  readonly token: string | undefined;
  readonly api: DockregApi;
}

const USER_AGENT = 'dockreg-cli';

/** Runs a command as whoever is signed in; what the API refuses becomes a sentence with its exit code. */
export async function signedIn<Result>(
  options: RemoteOptions,
  run: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = connect(options);
  if (connection.token === undefined) {
    throw new CommandFailure(`nobody is signed in at ${connection.url}`, EXIT.notAuthenticated, [
      `Sign in: dockreg login ${connection.url}, or set DOCKREG_TOKEN.`,
    ]);
  }
  return asking(connection.url, () => run(connection));
}

/** The server that `--url`, DOCKREG_URL or the last sign-in names. */
export function connect({ url: named }: RemoteOptions): Connection {
  const stored = readCredentials();
  const given = named ?? (process.env['DOCKREG_URL'] || undefined) ?? stored.current;
  if (given === null) {
    throw new CommandFailure('no server is named', EXIT.notAuthenticated, [
      'Sign in: dockreg login <url>, or set DOCKREG_URL and DOCKREG_TOKEN.',
    ]);
  }
  const url = addressOf(given);
  const token = tokenOfEnvironment() ?? stored.servers[url]?.token;
  return { url, token, api: apiOf(url, token) };
}

/** A client of a server, with a token or without. */
export function apiOf(url: string, token: string | undefined, headers: Record<string, string> = {}) {
  return dockregApi({
    baseUrl: url,
    token,
    headers: { 'user-agent': USER_AGENT, ...headers },
  });
}

/** Runs `call`; what the API refuses becomes a sentence with its exit code. */
export async function asking<Result>(url: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ApiProblem || error instanceof NoAnswer) throw failureOf(error, url);
    throw error;
  }
}

/** A server's address in one form; a path stays, for an API that stands below one. Credentials in it are refused. */
export function addressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UnusableInput('The address of a server begins with http:// or https://.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new UnusableInput('The address of a server holds no user and no password.');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Whether what is sent there can be read on the way. */
export function isOpenlySent(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(localhost|127\.[0-9.]+|\[::1\]|.*\.localhost)$/.test(hostname);
}

function tokenOfEnvironment(): string | undefined {
  const text = process.env['DOCKREG_TOKEN'] ?? '';
  return text === '' ? undefined : checkedToken(text.trim(), 'DOCKREG_TOKEN');
}

/** `where`: what the text is from. The text itself is in no message. */
export function checkedToken(text: string, where: string): string {
  const parsed = parseKey(text);
  if (parsed?.prefix === 'drm') return text;
  const isKey = parsed?.prefix === 'drk';
  throw new UnusableInput(
    isKey
      ? `${where} is a registry key. Keys never open the management API: make an access token (drm_…).`
      : `${where} is no access token: those begin with drm_ and have 70 characters.`,
  );
}
