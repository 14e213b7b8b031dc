import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startParent } from '../../../test/killed-parent.js';
import { type ChildLog, spawnChild, tiedTo } from './child-process.js';

let folder: string;
let server: Server;
let lines: { level: string; text: string }[];
const log: ChildLog = {
  debug: (_, text) => void lines.push({ level: 'debug', text }),
  warn: (_, text) => void lines.push({ level: 'warn', text }),
};

/** A child that connects to our server, so that the end of the connection tells the end of the child. */
const connecting = () =>
  `require('node:net').connect(${JSON.stringify(join(folder, 's'))}); setInterval(() => {}, 1000);`;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dockreg-child-'));
  lines = [];
  server = createServer().listen(join(folder, 's'));
  await once(server, 'listening');
});

afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves to the first child's connection. */
async function connection(): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  return socket.resume();
}

function startChild(code: string, options: { isReady?: () => boolean; stopLimitMs?: number } = {}) {
  return spawnChild({
    name: 'example',
    command: process.execPath,
    args: ['-e', code],
    readyWhen: async () => (options.isReady ?? (() => true))(),
    ...(options.stopLimitMs ? { stopLimitMs: options.stopLimitMs } : {}),
    log,
  });
}

describe('a child process', () => {
  it('is handed out once it is ready, and ends when it is stopped', async () => {
    let answers = 0;
    const child = await startChild(connecting(), { isReady: () => ++answers === 3 });
    expect(answers).toBe(3);
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('is killed when it ignores the request to end', async () => {
    const connected = connection();
    const child = await startChild(`process.on('SIGTERM', () => {}); ${connecting()}`, { stopLimitMs: 50 });
    await connected;
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('ends when its parent is killed with kill -9', async () => {
    const connected = connection();
    const parent = await startParent(`
      import { spawnChild } from '<dist>/libs/platform/src/child-process.js';
      const log = { debug() {}, warn() {} };
      await spawnChild({ name: 'example', command: process.execPath, args: ['-e', ${JSON.stringify(connecting())}],
        readyWhen: async () => true, log });
      ready({});`);
    const closed = once(await connected, 'close');
    await parent.kill();
    await closed;
  });

  it('does not run at all when its parent was gone before it began', async () => {
    const notOurParent = process.ppid;
    const [command, ...args] = tiedTo(notOurParent, '/bin/echo', ['it ran']);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    await once(child, 'close');
    expect(output).toBe('');
    expect(child.exitCode).toBe(0);
  });

  it('gets none of our environment but PATH', async () => {
    process.env['DOCKREG_TEST_PASSWORD'] = 'hidden';
    const child = await startChild('console.log(Object.keys(process.env).join())');
    delete process.env['DOCKREG_TEST_PASSWORD'];
    await child.exited;
    const names = lines.map(({ text }) => text).find((text) => text.includes('PATH'));
    expect(names?.split(',')).toEqual(expect.arrayContaining(['PATH']));
    expect(names).not.toContain('DOCKREG');
  });

  it('tells the log what it says: stdout as debug, stderr as a warning', async () => {
    const child = await startChild('console.log("fine"); console.error("bad")');
    await child.exited;
    expect(lines).toEqual(
      expect.arrayContaining([
        { level: 'debug', text: 'fine' },
        { level: 'warn', text: 'bad' },
      ]),
    );
  });

  it('that ends before it is ready fails the start with its last lines', async () => {
    const start = startChild('console.error("no room on the disk"); process.exit(3)', {
      isReady: () => false,
    });
    await expect(start).rejects.toThrow('example did not start: no room on the disk');
    await expect(start).rejects.toMatchObject({ cause: new Error('It ended with code 3.') });
  });

  it('cannot be tied to a worker thread, whose end would end it', async () => {
    const file = new URL('../../../dist/libs/platform/src/child-process.js', import.meta.url);
    const worker = new Worker(`import('${file.href}').then((m) => m.spawnChild({}))`, { eval: true });
    const [error] = (await once(worker, 'error')) as [Error];
    expect(error.message).toBe('A child process can only be tied to the main thread.');
  });
});
