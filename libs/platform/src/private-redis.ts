import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type ChildExit, type ChildLog, spawnChild } from './child-process.js';
import { findProgram } from './find-program.js';
import { endLeftover } from './leftover-process.js';
import { makePrivate, placeSocket } from './private-folder.js';

export interface PrivateRedis {
  /** Options of an ioredis connection. Only this user of the machine can open the socket; there is no TCP port. */
  connection: { path: string };
  /** Ends Redis, which first writes what it holds to its file. */
  stop(): Promise<void>;
  exited: Promise<ChildExit>;
}

/**
 * Starts a redis-server that belongs to this process and keeps its data in `directory` (created when missing). What
 * was written more than a second before a crash survives it. Resolves when Redis answers. Rejects with the line to
 * install it when the program is missing, and when another running process uses the directory.
 */
export async function startPrivateRedis(options: {
  directory: string;
  log: ChildLog;
}): Promise<PrivateRedis> {
  const { directory, log } = options;
  const command = findProgram('redis-server', 'redis-server');
  makePrivate(directory);
  const configFile = join(directory, 'redis.conf');
  const args = [configFile];
  const record = join(directory, 'redis-server.json');
  await endLeftover(record, args);
  const socket = placeSocket(directory, 'redis.sock');
  writeFileSync(configFile, configuration(directory, socket.path), { mode: 0o600 });

  const child = await spawnChild({
    name: 'redis-server',
    command,
    args,
    record,
    readyWhen: () => answersPing(socket.path),
    levelOf: levelOfLine,
    log,
  }).catch((error: unknown) => {
    socket.remove();
    throw error;
  });
  const exited = child.exited.finally(() => socket.remove());
  return { connection: { path: socket.path }, exited, stop: async () => void (await child.stop()) };
}

/** redis.conf(5). BullMQ demands that nothing is evicted; the title would hide by which arguments we know our child. */
function configuration(directory: string, socketPath: string): string {
  return [
    'port 0',
    `unixsocket ${quoted(socketPath)}`,
    'unixsocketperm 700',
    `dir ${quoted(directory)}`,
    'daemonize no',
    'set-proc-title no',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    'loglevel notice',
    'logfile ""',
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** `#` marks what Redis finds important, its ordinary start and end included, and advice about the machine. */
function levelOfLine(line: string): 'debug' | 'warn' {
  // Advice about a kernel setting that matters to servers with large data; ours holds sessions and jobs.
  if (line.includes('overcommit')) return 'debug';
  return / # (?!WARNING).*\b(error|fail|can't|cannot|unable|bad|space|corrupt)/i.test(line)
    ? 'warn'
    : 'debug';
}

/** False also while Redis still loads its file. */
function answersPing(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write('PING\r\n'));
    socket.on('data', (answer) => {
      resolve(answer.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}
