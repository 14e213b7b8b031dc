import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/apps/cli/src/main.js', import.meta.url));
/** A command that hangs is killed then, and its code is null. */
const ENDS_WITHIN_MS = 60_000;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** What is typed once the terminal shows a text. */
export type Typing = readonly (readonly [shown: string, typed: string])[];

/** The command line of somebody at a machine: with a home of its own, and nothing else of this process's settings. */
export class CommandLine {
  /** Both outputs of every command, in their order. */
  readonly seen: string[] = [];
  readonly home: string;

  constructor(
    folder: string,
    private readonly settings: Readonly<Record<string, string>> = {},
  ) {
    this.home = join(folder, 'home');
    mkdirSync(this.home, { recursive: true });
  }

  get credentialsFile(): string {
    return join(this.home, 'config', 'dockreg', 'credentials.json');
  }

  /** Runs `dockreg` with its outputs in pipes, and this on its standard input. */
  async run(args: readonly string[], input = '', settings: Record<string, string> = {}): Promise<Ran> {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: this.#environment(settings),
      stdio: 'pipe',
    });
    child.stdin.on('error', () => undefined).end(input);
    return this.#ended(child, text(child.stdout), text(child.stderr));
  }

  /** Runs `dockreg` at a terminal of so many columns, which `script` (util-linux) gives it; `out` is what it shows. */
  async atTerminal(
    args: readonly string[],
    typing: Typing = [],
    settings: Record<string, string> = {},
    columns = 100,
  ): Promise<Ran> {
    const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`);
    const line = `stty cols ${columns}; exec ${words.join(' ')}`;
    const env = { TERM: 'xterm', ...this.#environment(settings) };
    const child = spawn('script', ['-qec', line, '/dev/null'], { env, stdio: 'pipe' });
    const rest = [...typing];
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      while (rest[0] && shown.includes(rest[0][0])) child.stdin.write(`${rest.shift()![1]}\r`);
    });
    const ran = await this.#ended(
      child,
      new Promise((resolve) => child.stdout.once('end', () => resolve(shown.replaceAll('\r\n', '\n')))),
      text(child.stderr),
    );
    if (rest[0]) throw new Error(`the terminal never showed "${rest[0][0]}", but:\n${ran.out}`);
    return ran;
  }

  #environment(settings: Record<string, string>): Record<string, string | undefined> {
    const { home } = this;
    const own = { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: join(home, 'config') };
    return { ...own, ...this.settings, ...settings };
  }

  async #ended(
    child: ReturnType<typeof spawn>,
    output: Promise<string>,
    errors: Promise<string>,
  ): Promise<Ran> {
    const timer = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const [code, out, err] = await Promise.all([ended, output, errors]);
    clearTimeout(timer);
    this.seen.push(out, err);
    return { code, out, err };
  }
}
