import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Pool } from 'undici';
import { startParent, watchServer } from '../../../test/killed-parent.js';
import type { ChildLog } from './child-process.js';
import { type PrivateRegistry, startPrivateRegistry } from './private-registry.js';

let folder: string;
let running: PrivateRegistry[];
let warnings: string[];
const log: ChildLog = { debug: () => {}, warn: (_, text) => void warnings.push(text) };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dockreg-registry-'));
  running = [];
  warnings = [];
});

afterEach(async () => {
  await Promise.all(running.map((registry) => registry.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(directory = join(folder, 'registry')): Promise<PrivateRegistry> {
  const registry = await startPrivateRegistry({ directory, log });
  running.push(registry);
  return registry;
}

async function call(
  registry: PrivateRegistry,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body = '',
) {
  const pool = new Pool('http://localhost', { socketPath: registry.socketPath });
  const answer = await pool.request({ method, path, body: body || null });
  const text = await answer.body.text();
  await pool.close();
  return { status: answer.statusCode, location: answer.headers['location'] as string, text };
}

async function pushBlob(registry: PrivateRegistry, text: string): Promise<string> {
  const path = '/v2/shop/app/blobs';
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const { location } = await call(registry, 'POST', `${path}/uploads/`);
  await call(registry, 'PUT', `${location}&digest=${digest}`, text);
  return `${path}/${digest}`;
}

describe('the private registry', () => {
  it('stores a blob, hands it out without a redirect, and deletes it', async () => {
    const registry = await start();
    const blob = await pushBlob(registry, 'layer');
    expect(await call(registry, 'GET', blob)).toMatchObject({ status: 200, text: 'layer' });
    expect(await call(registry, 'DELETE', blob)).toMatchObject({ status: 202 });
    expect(await call(registry, 'GET', blob)).toMatchObject({ status: 404 });
    expect(warnings).toEqual([]);
  });

  it('gives upload addresses without a host, so that the gate need not know its own', async () => {
    const { location } = await call(await start(), 'POST', '/v2/shop/app/blobs/uploads/');
    expect(location).toMatch(/^\/v2\/shop\/app\/blobs\/uploads\//);
  });

  it('lets no other user of the machine in', async () => {
    await start();
    const mode = (name: string) => statSync(join(folder, name)).mode & 0o777;
    expect([mode('registry'), mode('registry/config.yml')]).toEqual([0o700, 0o600]);
  });

  it('names its socket in the URL', async () => {
    const registry = await start();
    expect(registry.url.protocol).toBe('unix+http:');
    expect(decodeURIComponent(registry.url.host)).toBe(registry.socketPath);
  });

  it('keeps its images over a stop', async () => {
    const first = await start();
    const blob = await pushBlob(first, 'layer');
    await first.stop();
    await first.exited;
    expect(await call(await start(), 'GET', blob)).toMatchObject({ status: 200, text: 'layer' });
  });

  it('works in a directory whose path is too long for a unix socket', async () => {
    const registry = await start(join(folder, 'd'.repeat(120)));
    expect(await call(registry, 'GET', '/v2/')).toMatchObject({ status: 200 });
  });

  it('ends when its parent is killed with kill -9', async () => {
    const directory = JSON.stringify(join(folder, 'registry'));
    const parent = await startParent(`
      import { startPrivateRegistry } from '<dist>/libs/platform/src/private-registry.js';
      const registry = await startPrivateRegistry({ directory: ${directory}, log: { debug() {}, warn() {} } });
      ready({ path: registry.socketPath });`);
    const { closed } = await watchServer(parent.value['path'] as string);
    await parent.kill();
    await closed;
    expect(await call(await start(), 'GET', '/v2/')).toMatchObject({ status: 200 });
  });

  it('says which line installs it when it is missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      await expect(start()).rejects.toThrow('apt-get install -y --no-install-recommends docker-registry');
    } finally {
      process.env['PATH'] = path;
    }
  });
});
