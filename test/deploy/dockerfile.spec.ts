import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { SETTINGS } from '#libs/platform';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { makeCertificate } from '../clients/certificate.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { dockerfile, environmentOfImage, valuesOf } from './dockerfile.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const stages = dockerfile();
const last = stages.at(-1)!;
const command = (name: string) => JSON.parse(valuesOf(last, name)[0]!.replace(/^[^[]*/, '')) as string[];

describe('the image', () => {
  it('is built in stages on one pinned base, and takes nothing from the build but what it runs', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', 'packages', undefined]);
    expect(new Set(stages.map(({ image }) => image)).size).toBe(1);
    expect(last.image).toMatch(/^node:\d+-bookworm-slim$/);
    const copies = valuesOf(last, 'COPY');
    expect(copies.map((copy) => /^--from=(build|packages) \/app\/(\S+) \.\//.exec(copy)?.[2])).toEqual([
      'node_modules',
      'package.json',
      'docs/deploy/health-check.mjs',
      'dist',
    ]);
    expect(stages.flatMap((stage) => valuesOf(stage, 'ADD'))).toEqual([]);
  });

  it('copies only what the context has', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    const sources = stages
      .flatMap((stage) => valuesOf(stage, 'COPY'))
      .filter((copy) => !copy.startsWith('--from='))
      .flatMap((copy) => copy.split(' ').slice(0, -1));
    expect(sources).toEqual(expect.arrayContaining(['package-lock.json', '.npmrc', '.']));
    for (const source of sources) {
      expect({ source, exists: existsSync(join(root, source)) }).toEqual({ source, exists: true });
      expect(ignored).not.toContain(source);
    }
    expect(ignored).toEqual(expect.arrayContaining(['node_modules', 'dist', 'data', '.git']));
  });

  it('runs the server as a user who is not root, with settings that exist, and holds no secret', () => {
    expect(valuesOf(last, 'USER')).toEqual(['1000:1000']);
    expect(last.instructions.findIndex(({ name }) => name === 'USER')).toBeGreaterThan(
      last.instructions.findLastIndex(({ name }) => name === 'RUN' || name === 'COPY'),
    );
    const { NODE_ENV, ...settings } = environmentOfImage(stages);
    expect(NODE_ENV).toBe('production');
    expect(Object.keys(SETTINGS)).toEqual(expect.arrayContaining(Object.keys(settings)));
    expect(settings).toEqual({ DATA_DIR: '/data', API_HOST: '0.0.0.0', GATE_HOST: '0.0.0.0' });
    expect(valuesOf(last, 'VOLUME')).toEqual(['/data']);
    const [program, file] = command('CMD');
    expect(program).toBe('node');
    expect(existsSync(join(root, file!.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(true);
  });
});

describe('its health check', () => {
  const { path: folder, remove } = temporaryDirectory();
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
    remove();
  });

  async function listening<S extends Server>(server: S): Promise<string> {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return String((server.address() as AddressInfo).port);
  }

  /** The exit code of what the image runs. */
  async function check(env: Record<string, string>): Promise<number> {
    const [program, file] = command('HEALTHCHECK');
    expect(valuesOf(last, 'COPY').some((copy) => copy.endsWith(`/${file} ./`))).toBe(true);
    const child = spawn(program!, [join(root, 'docs/deploy', file!)], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], ...env },
    });
    const [code] = (await once(child, 'exit')) as [number];
    return code;
  }

  it('asks at the port of the roles, and believes nothing but a 200 of /readyz', async () => {
    const asked: string[] = [];
    const ready = createServer((request, response) => {
      asked.push(request.url!);
      response.end();
    });
    const unready = createServer((_, response) => response.writeHead(503).end());
    const [good, bad] = [await listening(ready), await listening(unready)];
    const results = await Promise.all([
      check({ API_PORT: good, GATE_PORT: bad }),
      check({ API_PORT: good, GATE_PORT: bad, ROLES: '' }),
      check({ API_PORT: good, GATE_PORT: bad, ROLES: 'worker' }),
      check({ API_PORT: good, GATE_PORT: bad, ROLES: 'gate, api' }),
      check({ API_PORT: bad, GATE_PORT: good, ROLES: 'gate' }),
      check({ API_PORT: bad, GATE_PORT: good, ROLES: 'worker,gate' }),
      check({ API_PORT: bad, GATE_PORT: good }),
      check({ API_PORT: good, GATE_PORT: bad, ROLES: 'gate' }),
      check({ API_PORT: '1', GATE_PORT: good }),
    ]);
    expect(results).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1]);
    expect(new Set(asked)).toEqual(new Set(['/readyz']));
  });

  it('speaks TLS to a gate that does', async () => {
    requirePrograms('openssl');
    const { certFile, keyFile } = makeCertificate(join(folder, 'certificate'));
    const identity = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const GATE_PORT = await listening(createTlsServer(identity, (_, response) => response.end()));
    expect(await check({ ROLES: 'gate', GATE_PORT, GATE_TLS_CERT: certFile, GATE_TLS_KEY: keyFile })).toBe(0);
  });
});
