import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { type ChildExit, type ChildLog, spawnChild } from './child-process.js';
import { findProgram } from './find-program.js';
import { endLeftover } from './leftover-process.js';
import { makePrivate, placeSocket } from './private-folder.js';

/** Length of the key that signs the registry's upload addresses. */
const UPLOAD_SECRET_BYTES = 32;

export interface PrivateRegistry {
  /** `unix+http://<percent-encoded socket path>/`, the form that @fastify/reply-from takes as its base. */
  url: URL;
  /** Only this user of the machine can open it: the registry itself asks nobody for a key. */
  socketPath: string;
  stop(): Promise<void>;
  exited: Promise<ChildExit>;
}

/**
 * Starts Debian's docker-registry as a child that stores images in `directory` (created when missing) and answers on a
 * unix socket. Resolves when it answers. Rejects with the line to install it when the program is missing, and when
 * another running process uses the directory.
 */
export async function startPrivateRegistry(options: {
  directory: string;
  log: ChildLog;
}): Promise<PrivateRegistry> {
  const { directory, log } = options;
  const command = findProgram('docker-registry', 'docker-registry');
  makePrivate(directory);
  const configFile = join(directory, 'config.yml');
  const args = ['serve', configFile];
  const record = join(directory, 'docker-registry.json');
  await endLeftover(record, args);
  const socket = placeSocket(directory, 'registry.sock');
  writeFileSync(configFile, configuration(directory, socket.path), { mode: 0o600 });

  const child = await spawnChild({
    name: 'docker-registry',
    command,
    args,
    record,
    readyWhen: () => answers(socket.path),
    levelOf: levelOfLine,
    log,
  }).catch((error: unknown) => {
    socket.remove();
    throw error;
  });
  return {
    url: new URL(`unix+http://${encodeURIComponent(socket.path)}/`),
    socketPath: socket.path,
    exited: child.exited.finally(() => socket.remove()),
    stop: async () => void (await child.stop()),
  };
}

/** The configuration file of distribution 2.8; JSON is YAML. `redirect` off: every byte passes the gate. */
function configuration(directory: string, socketPath: string): string {
  return JSON.stringify({
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(directory, 'images') },
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
      redirect: { disable: true },
    },
    http: {
      net: 'unix',
      addr: socketPath,
      secret: randomBytes(UPLOAD_SECRET_BYTES).toString('hex'),
      relativeurls: true,
    },
  });
}

/** The registry calls every 404 an error; what the caller did is the gate's to log. */
function levelOfLine(line: string): 'debug' | 'warn' {
  return line.includes('response completed with error') && !line.includes('err.code=unknown')
    ? 'debug'
    : 'warn';
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/v2/', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('error', () => resolve(false));
    call.end();
  });
}
