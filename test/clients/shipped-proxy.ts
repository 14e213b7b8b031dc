import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { tiedTo } from '#libs/platform';
import { eventually } from '../e2e/server-process.js';
import type { Certificate } from './certificate.js';

const STARTED_WITHIN_MS = 10_000;

/** What the proxy is put in front of, and with which certificate. */
export interface Behind {
  readonly gatePort: number;
  readonly certificate: Certificate;
}

/** A proxy that runs on a file of docs/deploy. `stop` must be called. */
export interface ShippedProxy {
  /** On every address of this machine. */
  readonly port: number;
  /** The log of requests, and the log of everything else. */
  readonly accessLog: string;
  readonly errorLog: string;
  stop(): Promise<void>;
}

/** Debian's nginx on docs/deploy/nginx.conf. Its files, logs included, stand in the new folder. */
export async function startNginx(folder: string, { gatePort, certificate }: Behind): Promise<ShippedProxy> {
  const port = await freePort();
  const conf = shipped('nginx.conf', {
    '/run/nginx.pid': join(folder, 'pid'),
    '/var/log/nginx': folder,
    'listen 443 ': `listen ${port} `,
    // Where there is no IPv6, nginx does not start.
    'listen [::]:443 ssl default_server;': '',
    '/etc/ssl/registry.example.com.crt': certificate.certFile,
    '/etc/ssl/registry.example.com.key': certificate.keyFile,
    'server 127.0.0.1:5000;': `server 127.0.0.1:${gatePort};`,
    // Debian's folders for these belong to root.
    'server_tokens off;': `server_tokens off; ${temporaryPaths(folder)}`,
  });
  mkdirSync(folder);
  writeFileSync(join(folder, 'nginx.conf'), conf);
  const args = ['-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
  const stop = await started(port, 'nginx', args, {});
  return { port, accessLog: join(folder, 'registry.log'), errorLog: join(folder, 'error.log'), stop };
}

function temporaryPaths(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join(' ');
}

/** Debian's Caddy on docs/deploy/Caddyfile. Its files, logs included, stand in the new folder. */
export async function startCaddy(folder: string, { gatePort, certificate }: Behind): Promise<ShippedProxy> {
  const port = await freePort();
  const conf = shipped('Caddyfile', {
    'unix//run/caddy/admin.sock': `unix/${join(folder, 'admin.sock')}`,
    '/var/log/caddy': folder,
    '\n:443 {': `\n:${port} {`,
    '/etc/ssl/registry.example.com.crt': certificate.certFile,
    '/etc/ssl/registry.example.com.key': certificate.keyFile,
    '127.0.0.1:5000': `127.0.0.1:${gatePort}`,
    // Says all that it has to say, so that the tests see what could leak.
    'level WARN': 'level DEBUG',
  });
  mkdirSync(folder);
  writeFileSync(join(folder, 'Caddyfile'), conf);
  const args = ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')];
  const own = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const stop = await started(port, 'caddy', args, own);
  return { port, accessLog: join(folder, 'registry.log'), errorLog: join(folder, 'caddy.log'), stop };
}

/** A shipped file with the test's values in the places that are an operator's. Throws when one of the places is gone. */
function shipped(name: string, values: Readonly<Record<string, string>>): string {
  const file = fileURLToPath(new URL(`../../docs/deploy/${name}`, import.meta.url));
  return Object.entries(values).reduce(
    (filled, [place, value]) => {
      if (!filled.includes(place)) throw new Error(`docs/deploy/${name} has no "${place}"`);
      return filled.replaceAll(place, value);
    },
    readFileSync(file, 'utf8'),
  );
}

/** Another program may take it before it is used; then the proxy says so and ends. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a program that ends with this process, waits until it listens, and returns what ends it. */
async function started(
  port: number,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<() => Promise<void>> {
  const [command, ...tied] = tiedTo(process.pid, program, args);
  const child = spawn(command, tied, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit');
  const said = text(child.stderr);
  const isUp = eventually(`${program} listens`, STARTED_WITHIN_MS, () => isListening(port));
  const failed = ended.then(async () => Promise.reject(new Error(`${program} ended: ${await said}`)));
  await Promise.race([isUp, failed]);
  failed.catch(() => undefined);
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
