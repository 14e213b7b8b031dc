import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { tiedTo } from '#libs/platform';
import { eventually } from '../e2e/server-process.js';

/** An nginx in front of a gate. `stop` must be called. */
export interface ForwardingNginx {
  /** By the address that its clients seem to have, the port. */
  readonly ports: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

const STARTED_WITHIN_MS = 10_000;

/** Debian's nginx, with a port for each address: what comes through it is forwarded as from there (`X-Forwarded-For`). */
export async function startForwardingNginx(
  folder: string,
  gatePort: number,
  addresses: readonly string[],
): Promise<ForwardingNginx> {
  const ports = new Map<string, number>();
  for (const address of addresses) ports.set(address, await freePort());
  const servers = [...ports].map(
    ([address, port]) => `server {
      listen 127.0.0.1:${port};
      location / {
        proxy_pass http://127.0.0.1:${gatePort};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For ${address};
        proxy_set_header X-Forwarded-Proto http;
      }
    }`,
  );
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join(' ');
  mkdirSync(folder);
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `pid ${join(folder, 'pid')};
    events {}
    http {
      access_log off;
      client_max_body_size 0;
      proxy_http_version 1.1;
      ${paths}
      ${servers.join('\n')}
    }`,
  );
  const args = ['-e', join(folder, 'error.log'), '-c', file, '-g', 'daemon off;'];
  const [command, ...tied] = tiedTo(process.pid, 'nginx', args);
  const child = spawn(command, tied, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  const said = text(child.stderr);
  const isUp = eventually('nginx listens', STARTED_WITHIN_MS, () => isListening([...ports.values()][0]!));
  const failed = ended.then(async () =>
    Promise.reject(new Error(`nginx ended (apt-get install nginx-light, if it is missing): ${await said}`)),
  );
  await Promise.race([isUp, failed]);
  failed.catch(() => undefined);
  return {
    ports,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Another program may take it before it is used; then nginx says so and ends. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
