import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { CommandFailure, EXIT } from '../cli-error.js';

interface Signed {
  readonly token: string;
  /** Whether `dockreg login` made the token, so that `dockreg logout` ends it. */
  readonly isOurs: boolean;
}

/** What is kept between commands. A server is named by its address, as `addressOf` writes it. */
export interface Credentials {
  /** Whom commands ask that name no server. */
  readonly current: string | null;
  readonly servers: Readonly<Record<string, Signed>>;
}

const NONE: Credentials = { current: null, servers: {} };
const OWNER_ONLY = 0o600;

/** `$XDG_CONFIG_HOME/dockreg/credentials.json`; the XDG specification ignores a path that is not absolute. */
export function credentialsFile(): string {
  const configured = process.env['XDG_CONFIG_HOME'] ?? '';
  const folder = isAbsolute(configured) ? configured : join(homedir(), '.config');
  return join(folder, 'dockreg', 'credentials.json');
}

/** What was stored; nothing when there is no file. A file that others can read is refused: they may have the tokens. */
export function readCredentials(): Credentials {
  const file = credentialsFile();
  const text = contentOf(file);
  if (text === undefined) return NONE;
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new CommandFailure(`${file} can be read by others.`, EXIT.failed, [
      `End its tokens and sign in again, or close it: chmod 600 ${file}`,
    ]);
  }
  try {
    return { ...NONE, ...(JSON.parse(text) as Partial<Credentials>) };
  } catch {
    throw new CommandFailure(`${file} is no JSON.`, EXIT.failed, [`Delete it and sign in again.`]);
  }
}

/** The whole file, or nothing of it, is written; nobody else can read it at any moment. */
export function writeCredentials(credentials: Credentials): void {
  const file = credentialsFile();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}`;
  try {
    writeFileSync(next, `${JSON.stringify(credentials, null, 2)}\n`, { mode: OWNER_ONLY, flag: 'wx' });
    chmodSync(next, OWNER_ONLY);
    renameSync(next, file);
  } finally {
    rmSync(next, { force: true });
  }
}

export function withServer(credentials: Credentials, url: string, signed: Signed): Credentials {
  return { current: url, servers: { ...credentials.servers, [url]: signed } };
}

export function withoutServer({ current, servers }: Credentials, url: string): Credentials {
  const { [url]: _forgotten, ...others } = servers;
  return { current: current === url ? null : current, servers: others };
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
