import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GeneratedKey } from './api.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

/** A start that is refused ends within this time. */
const REFUSED_WITHIN_MS = 20_000;
/** A server that is told to end ends within this time. */
const ENDED_WITHIN_MS = 10_000;
/** The children of a killed server end by themselves; docker-registry and Redis need well under a second. */
const CHILDREN_GONE_WITHIN_MS = 5_000;

const installation = new Installation();
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

describe('a start that cannot work', () => {
  const refused = new Installation({ REGISTRY_UPSTREAM: 'none' });
  afterAll(() => refused.remove(), 20_000);

  /** Starts that end by themselves with a non-zero code, in time, without a stack; what they said. */
  async function refusal(settings: Record<string, string>, on = refused): Promise<string> {
    const { code, output } = await on.startToEnd(settings, REFUSED_WITHIN_MS);
    expect({ code, output }).toMatchObject({ code: 1 });
    expect(output).toContain('Dockreg Keys cannot start:');
    expect(output).not.toMatch(/^ +at /m);
    return output;
  }

  it('says that another server uses the data directory, and leaves that server alone', async () => {
    expect(await refusal({}, installation)).toContain(installation.dataDir);
    expect((await server.api.v2((await server.api.generateKey()).key)).status).toBe(200);
    expect(installation.programs()).toHaveLength(2);
  });

  it.each(['API_PORT', 'GATE_PORT'])(
    'says that the port of %s is in use, and leaves no child',
    async (setting) => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const output = await refusal({ [setting]: String(port) });
      expect(output).toContain(setting);
      expect(output).toContain(`127.0.0.1:${port}`);
      expect(refused.programs()).toEqual([]);
      taken.close();
    },
  );

  it('names everything that is wrong with the settings at once, and repeats no value', async () => {
    const wrong = {
      GATE_PROT: '5001',
      ROLES: 'gate,admin',
      API_PORT: 'abc',
      GATE_PORT: '65536',
      DEFAULT_PLAN: 'geheim7',
      REGISTRY_UPSTREAM: 'ftp://user:geheim7@localhost',
      BOOTSTRAP_ADMIN_TOKEN: 'drm_geheim7',
      BOOTSTRAP_ADMIN_PASSWORD: 'geheim7',
      EVENTSTORE_URL: 'http://user:geheim7@localhost',
      REDIS_URL: 'http://user:geheim7@localhost',
    };
    const output = await refusal(wrong);
    for (const setting of Object.keys(wrong)) expect(output).toContain(`\n  ${setting}`);
    expect(output).not.toContain('geheim');
  });

  it.each([
    ['two equal ports', { API_PORT: '4999', GATE_PORT: '4999' }, 'GATE_PORT'],
    ['a data directory that is a file', { DATA_DIR: '/etc/hostname' }, '/etc/hostname'],
    ['a slug that is none', { BOOTSTRAP_REGISTRY: 'a..b' }, 'BOOTSTRAP_REGISTRY'],
  ])('names %s', async (_, settings: Record<string, string>, name) => {
    expect(await refusal(settings)).toContain(name);
  });
});

describe('a server', () => {
  /** What a caller can see of an installation; equal before and after whatever must not matter. */
  async function view({ api }: ServerProcess, keys: readonly GeneratedKey[]) {
    const verdicts = await Promise.all(keys.map(async ({ key }) => (await api.v2(key)).text));
    const withoutPort = (value: unknown) => JSON.stringify(value).replaceAll(/127\.0\.0\.1:\d+/g, 'gate');
    // This very look uses the keys.
    const listed = (await api.list()).map((key) => ({ ...key, lastUsed: undefined }));
    return {
      keys: withoutPort(listed),
      registries: withoutPort(await api.all('/v1/registries')),
      histories: await Promise.all(keys.map(({ id }) => api.events(id))),
      verdicts,
    };
  }

  const keys: GeneratedKey[] = [];
  let before: Awaited<ReturnType<typeof view>>;

  it('killed with -9 leaves no child behind, and the next one answers as it did', async () => {
    for (const permission of ['read', 'read-write', 'read-write-delete']) {
      keys.push(await server.api.generateKey({ permission, name: permission }));
    }
    await server.api.revoke(keys[0]!.id);
    before = await view(server, keys);
    expect(before.verdicts.map((text) => text.includes('revoked'))).toEqual([true, false, false]);

    await server.stop('SIGKILL');
    await eventually('no child', CHILDREN_GONE_WITHIN_MS, () => installation.programs().length === 0);
    server = await installation.start();
    expect(await view(server, keys)).toEqual(before);
  }, 40_000);

  it.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])(
    'ends on %s with code 0 and leaves no child behind',
    async (signal) => {
      expect(installation.programs()).toHaveLength(2);
      const exit = await server.stop(signal);
      expect(exit).toMatchObject({ code: 0, signal: null });
      expect(exit.milliseconds).toBeLessThan(ENDED_WITHIN_MS);
      expect(installation.programs()).toEqual([]);
      server = await installation.start();
    },
    40_000,
  );

  it('makes its read models again from the log when their files are gone', async () => {
    await server.stop();
    const folder = join(installation.dataDir, 'read-models');
    expect(readdirSync(folder)).toContain('server.sqlite');
    rmSync(folder, { recursive: true });
    server = await installation.start();
    expect(await view(server, keys)).toEqual(before);
  }, 40_000);

  it('does without everything that Redis held', async () => {
    await server.stop();
    const folder = join(installation.dataDir, 'redis');
    expect(readdirSync(folder)).not.toEqual([]);
    rmSync(folder, { recursive: true });
    server = await installation.start();
    expect(await view(server, keys)).toEqual(before);
  }, 40_000);

  it('ends within 10 s although a client holds a connection open and another sends half a request', async () => {
    const sockets = [server.apiPort, server.gatePort].flatMap((port) => [connect(port), connect(port)]);
    for (const socket of sockets) socket.on('error', () => undefined);
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 0)
        socket.write('POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{');
    }
    const exit = await server.stop();
    sockets.forEach((socket) => socket.destroy());
    expect(exit).toMatchObject({ code: 0 });
    expect(exit.milliseconds).toBeLessThan(ENDED_WITHIN_MS);
  }, 20_000);
});
