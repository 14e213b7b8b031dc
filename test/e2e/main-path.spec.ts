import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { writeOciLayout } from '../../apps/server/src/gate/testing/oci-layout.js';
import type { GeneratedKey } from './api.js';
import { basic, exchange } from './http-exchange.js';
import { dockerLogin, skopeoCopy } from './programs.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

const SECOND_HOST = '127.0.0.2';

const installation = new Installation();
const { folder } = installation;
let server: ServerProcess;
let host: string;
let writer: GeneratedKey;
let reader: GeneratedKey;
let foreign: GeneratedKey;

beforeAll(async () => {
  requirePrograms('redis-server', 'docker-registry', 'skopeo', 'docker');
  server = await installation.start();
  host = `127.0.0.1:${server.gatePort}`;
  await server.api.createRegistry('second', [SECOND_HOST]);
  writer = await server.api.generateKey();
  reader = await server.api.generateKey({ permission: 'read' });
  foreign = await server.api.generateKey({}, 'second');
  await writeOciLayout(join(folder, 'image'), 'hello');
}, 40_000);
afterAll(() => installation.remove(), 20_000);

describe('docker login', () => {
  it.each([
    ['the key as user name', () => writer.key],
    ["the key's id as user name", () => writer.id],
  ])('succeeds with %s', async (_, user) => {
    const { code, output } = await dockerLogin(folder, host, user(), writer.key);
    expect(output).toContain('Login Succeeded');
    expect(code).toBe(0);
  });

  it('is refused with a key of another registry, a revoked and an expired one', async () => {
    const expiring = await server.api.generateKey({ expiresIn: 'PT1S' });
    const revoked = await server.api.generateKey();
    await server.api.revoke(revoked.id);
    await eventually('expiry', 5_000, async () => (await server.api.v2(expiring.key)).status === 401);
    for (const { key } of [foreign, revoked, expiring]) {
      const { code, output } = await dockerLogin(folder, host, key, key);
      expect(output).not.toContain('Login Succeeded');
      expect(output).toContain('401');
      expect(output).not.toContain(key.slice(21));
      expect(code).not.toBe(0);
    }
  }, 20_000);
});

describe('skopeo copy', () => {
  const imageDigest = (layout: string) =>
    (
      JSON.parse(readFileSync(join(folder, layout, 'index.json'), 'utf8')) as {
        manifests: { digest: string }[];
      }
    ).manifests[0]!.digest;

  it('pushes with a read-write key and pulls the same image with a read key', async () => {
    const image = `docker://${host}/team/app:v1`;
    const push = await skopeoCopy(`oci:${join(folder, 'image')}:latest`, image, writer.key, writer.key);
    expect(push).toMatchObject({ code: 0 });
    const pull = await skopeoCopy(image, `oci:${join(folder, 'pulled')}:latest`, reader.id, reader.key);
    expect(pull).toMatchObject({ code: 0 });
    expect(imageDigest('pulled')).toBe(imageDigest('image'));
  }, 30_000);

  it('is told that a read key is read-only when it pushes, and nothing is stored', async () => {
    const image = `docker://${host}/team/refused:v1`;
    const push = await skopeoCopy(`oci:${join(folder, 'image')}:latest`, image, reader.id, reader.key);
    expect(push.code).not.toBe(0);
    expect(push.output).toContain('read-only');
    const pull = await skopeoCopy(image, `oci:${join(folder, 'nothing')}:latest`, writer.id, writer.key);
    expect(pull.output).toContain('unknown');
  }, 30_000);
});

describe('two registries', () => {
  const tags = async (name: string, { id, key }: GeneratedKey) => {
    const headers = { host: name, authorization: basic(id, key) };
    return exchange(server.gatePort, { path: '/v2/team/shared/tags/list', headers });
  };

  it('have each their own images under the same name', async () => {
    const image = `docker://${host}/team/shared:v1`;
    const push = await skopeoCopy(`oci:${join(folder, 'image')}:latest`, image, writer.id, writer.key);
    expect(push).toMatchObject({ code: 0 });
    const own = await tags(host, writer);
    expect(JSON.parse(own.text)).toEqual({ name: 'team/shared', tags: ['v1'] });
    const others = await tags(SECOND_HOST, foreign);
    expect(others.status).toBe(404);
    expect(others.text).toContain('"team/shared"');
  }, 30_000);
});

describe('the host', () => {
  it('decides the registry: a key works on the hosts of its own and is refused on those of others', async () => {
    const at = async (key: GeneratedKey, name: string) =>
      (await server.api.v2(key.key, { host: name })).status;
    expect(await at(foreign, `${SECOND_HOST}:5000`)).toBe(200);
    expect(await at(foreign, 'SECOND.registry.localhost')).toBe(200);
    expect(await at(writer, 'myapp.registry.localhost')).toBe(200);
    expect(await at(writer, SECOND_HOST)).toBe(401);
    expect(await at(foreign, host)).toBe(401);
  });

  it('is a 404 when no registry answers there, with a good key as well as without one', async () => {
    expect((await server.api.v2(writer.key, { host: 'nobody.example' })).status).toBe(404);
    const stranger = await exchange(server.gatePort, { path: '/v2/', headers: { host: '127.0.0.3' } });
    expect(stranger.status).toBe(404);
  });

  it('challenges a stranger for Basic credentials', async () => {
    const { status, headers } = await exchange(server.gatePort, { path: '/v2/' });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toMatch(/^Basic /);
    expect(headers['docker-distribution-api-version']).toBe('registry/2.0');
  });
});
