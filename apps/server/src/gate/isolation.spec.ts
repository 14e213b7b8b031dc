import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { digestOf } from './testing/blobs.js';
import { requirePrograms, startDockerRegistry, type DockerRegistry } from './testing/docker-registry.js';
import {
  GateFixture,
  OTHER_REGISTRY,
  type Answer,
  type AskOptions,
  type TestKey,
} from './testing/gate-fixture.js';
import { writeOciLayout } from './testing/oci-layout.js';
import { skopeoCopy, skopeoDelete, skopeoTags } from './testing/skopeo.js';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** The upload state is sealed by the registry behind; the name in it is the registry's own. */
const UPLOAD_STATE = /_state=[^&"]*/g;

/** One of two registries that share the store: its host, a key of it, and what it pushed to `team/app`. */
interface Tenant {
  readonly host: string;
  readonly key: TestKey;
  readonly layout: string;
  readonly manifest: string;
  readonly blobs: readonly string[];
}

let registry: DockerRegistry;
let gate: GateFixture;
let folder: string;
let mine: Tenant;
let other: Tenant;

beforeAll(async () => {
  requirePrograms('skopeo');
  registry = await startDockerRegistry();
  gate = await GateFixture.start({ upstream: registry.url });
  gate.happens('HostAdded', OTHER_REGISTRY, { host: 'localhost' });
  folder = await mkdtemp(join(tmpdir(), 'dockreg-isolation-'));
  mine = await tenant('127.0.0.1', gate.generateKey('read-write-delete'), 'mine');
  other = await tenant(
    'localhost',
    gate.generateKey('read-write-delete', { registry: OTHER_REGISTRY }),
    'other',
  );
}, 30_000);
afterAll(async () => {
  await gate?.gate.close();
  await registry?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function tenant(host: string, key: TestKey, name: string): Promise<Tenant> {
  const layout = join(folder, name);
  await writeOciLayout(layout, `an image of ${name}`);
  const manifest = manifestOf(layout);
  const { config, layers } = JSON.parse(readFileSync(blobFile(layout, manifest), 'utf8'));
  const blobs = [config, ...layers].map(({ digest }: { digest: string }) => digest);
  const pushing = { host, key, layout, manifest, blobs };
  expect(await push(pushing, 'latest')).toMatchObject({ code: 0 });
  return pushing;
}

function manifestOf(layout: string): string {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  return manifests[0].digest;
}

function blobFile(layout: string, digest: string): string {
  return join(layout, 'blobs', ...digest.split(':'));
}

function place({ host }: Tenant, name: string): string {
  return `${host}:${gate.gate.port}/${name}`;
}

function push(as: Tenant, tag: string) {
  return skopeoCopy(`oci:${as.layout}:latest`, `docker://${place(as, `team/app:${tag}`)}`, as.key);
}

/** Asks as the tenant, at its host. Nothing that comes back may show where its repositories stand behind the gate. */
async function ask(as: Tenant, path: string, { headers, ...options }: AskOptions = {}): Promise<Answer> {
  const common = { host: as.host, authorization: as.key.authorization, accept: OCI_MANIFEST };
  const answer = await gate.ask(path, { ...options, headers: { ...common, ...headers } });
  const shown = (JSON.stringify(answer.headers) + answer.body).replaceAll(UPLOAD_STATE, '');
  expect(shown).not.toMatch(/(?:mine|other)\/team/);
  return answer;
}

/** Makes a repository by pushing a layer to it; returns the layer's digest. */
async function pushLayer(as: Tenant, name: string): Promise<string> {
  const body = Buffer.from(`a layer of ${name}`);
  const { headers } = await ask(as, `/v2/${name}/blobs/uploads/`, { method: 'POST' });
  const commit = { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body };
  expect(await status(as, `${headers.location}&digest=${digestOf(body)}`, commit)).toBe(201);
  return digestOf(body);
}

async function repositories(as: Tenant, query = ''): Promise<string[]> {
  const catalog = await ask(as, `/v2/_catalog${query}`);
  expect(catalog.status).toBe(200);
  return JSON.parse(catalog.body).repositories;
}

async function status(as: Tenant, path: string, options?: AskOptions): Promise<number> {
  return (await ask(as, path, options)).status;
}

describe('two registries with a repository of the same name', () => {
  it('pull each the image that it pushed', async () => {
    for (const [index, as] of [mine, other].entries()) {
      const into = join(folder, `pulled-${index}`);
      const run = await skopeoCopy(`docker://${place(as, 'team/app:latest')}`, `oci:${into}:latest`, as.key);
      expect(run).toMatchObject({ code: 0 });
      expect(manifestOf(into)).toBe(as.manifest);
    }
    expect(mine.manifest).not.toBe(other.manifest);
  }, 30_000);

  it('list each its own tags, under its own name', async () => {
    expect(await push(mine, 'only-mine')).toMatchObject({ code: 0 });
    expect(await skopeoTags(place(mine, 'team/app'), mine.key)).toEqual(['latest', 'only-mine']);
    expect(await skopeoTags(place(other, 'team/app'), other.key)).toEqual(['latest']);
    const { body } = await ask(other, '/v2/team/app/tags/list');
    expect(JSON.parse(body)).toEqual({ name: 'team/app', tags: ['latest'] });
  }, 30_000);

  it('list each its own repositories, whole and page by page', async () => {
    for (const name of ['a', 'a/1', 'other/b', 'zz']) await pushLayer(mine, name);
    for (const name of ['b', 'mine/x']) await pushLayer(other, name);
    expect(await repositories(mine)).toEqual(['a/1', 'a', 'other/b', 'team/app', 'zz']);
    expect(await repositories(other)).toEqual(['b', 'mine/x', 'team/app']);
    const first = await ask(other, '/v2/_catalog?n=2');
    expect(first.headers.link).toBe('</v2/_catalog?last=mine%2Fx&n=2>; rel="next"');
    expect(await repositories(other, '?n=2&last=mine%2Fx')).toEqual(['team/app']);
    expect((await ask(other, '/v2/_catalog?n=3&last=')).headers.link).toBeUndefined();
    expect(await repositories(other, '?last=zzzz')).toEqual([]);
    const head = await ask(other, '/v2/_catalog?n=2', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '', headers: { link: first.headers.link } });
  });

  it('find nothing of the other by digest, nor by the name that it has behind the gate', async () => {
    const headers = { host: other.host, authorization: other.key.authorization, accept: OCI_MANIFEST };
    for (const name of ['team/app', 'mine/team/app', 'other/team/app', 'other/mine/team/app']) {
      for (const path of [`manifests/${mine.manifest}`, `blobs/${mine.blobs[0]}`, 'manifests/only-mine']) {
        expect((await gate.ask(`/v2/${name}/${path}`, { headers })).status).toBe(404);
      }
    }
    expect(await status(mine, `/v2/team/app/manifests/${mine.manifest}`)).toBe(200);
    expect(await status(mine, `/v2/team/app/blobs/${mine.blobs[0]}`)).toBe(200);
  });

  it('call an unknown repository by the name that the client used', async () => {
    const { status: code, body } = await ask(mine, '/v2/team/nothing/tags/list');
    expect(code).toBe(404);
    expect(JSON.parse(body).errors[0].detail).toEqual({ name: 'team/nothing' });
  });
});

describe('content of another registry', () => {
  it.each(['team/app', 'mine/team/app', '../mine/team/app', 'other/../mine/team/app'])(
    'is not mounted from %s',
    async (from) => {
      const digest = mine.blobs[0]!;
      const mount = `/v2/team/stolen/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`;
      expect(await status(other, mount, { method: 'POST' })).toBe(202);
      expect(await status(other, `/v2/team/stolen/blobs/${digest}`)).toBe(404);
    },
  );

  it('is mounted within its own registry', async () => {
    const mount = `/v2/team/copy/blobs/uploads/?mount=${mine.blobs[0]}&from=team/app`;
    const answer = await ask(mine, mount, { method: 'POST' });
    expect(answer.status).toBe(201);
    expect(answer.headers.location).toBe(`/v2/team/copy/blobs/${mine.blobs[0]}`);
  });

  it('is not published by a manifest that names its blobs', async () => {
    const body = await readFile(blobFile(mine.layout, mine.manifest));
    const answer = await ask(other, '/v2/team/app/manifests/stolen', {
      method: 'PUT',
      headers: { 'content-type': OCI_MANIFEST },
      body,
    });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('MANIFEST_BLOB_UNKNOWN');
  });

  it('is not added to by whoever learns the address of an upload, and the upload goes on', async () => {
    const start = await ask(mine, '/v2/team/app/blobs/uploads/', { method: 'POST' });
    const location = start.headers.location!;
    const session = start.headers['docker-upload-uuid'];
    expect(location).toMatch(new RegExp(`^/v2/team/app/blobs/uploads/${String(session)}\\?_state=`));
    const chunk = { method: 'PATCH', body: Buffer.from('a chunk') };
    expect(await status(other, location, chunk)).toBeGreaterThanOrEqual(400);
    expect(await status(other, location.replace('team/app', 'mine/team/app'), chunk)).toBeGreaterThanOrEqual(
      400,
    );
    expect(await status(other, location.split('?')[0]!, { method: 'DELETE' })).toBe(404);
    const patched = await ask(mine, location, chunk);
    expect(patched.headers.range).toBe('0-6');
    const commit = `${patched.headers.location!}&digest=${digestOf(Buffer.from('a chunk'))}`;
    expect(await status(mine, commit, { method: 'PUT' })).toBe(201);
  });

  it('outlives a deletion of everything under the same names', async () => {
    expect(await skopeoDelete(place(other, 'team/app:latest'), other.key)).toMatchObject({ code: 0 });
    const removal = { method: 'DELETE' };
    expect(await status(other, `/v2/team/app/manifests/${mine.manifest}`, removal)).toBe(404);
    for (const blob of mine.blobs) {
      expect(await status(other, `/v2/team/app/blobs/${blob}`, removal)).toBe(404);
      expect(await status(mine, `/v2/team/app/blobs/${blob}`)).toBe(200);
    }
    expect(await status(other, '/v2/team/app/manifests/latest')).toBe(404);
    expect(await status(mine, '/v2/team/app/manifests/latest')).toBe(200);
  }, 30_000);
});

describe('a key that is restricted to repositories', () => {
  it('reaches none of the others, not even by what is in them', async () => {
    const key = gate.generateKey('read-write-delete', { repositories: ['team/*', 'tools/**'] });
    const restricted = { ...mine, key };
    const layer = await pushLayer(mine, 'secret/app');
    const paths = ['tags/list', 'manifests/latest', `blobs/${layer}`, `referrers/${layer}`];
    for (const name of ['secret/app', 'team', 'team/app/deep', 'tools']) {
      for (const path of paths) expect(await status(restricted, `/v2/${name}/${path}`)).toBe(403);
      expect(await status(restricted, `/v2/${name}/blobs/uploads/`, { method: 'POST' })).toBe(403);
      expect(await status(restricted, `/v2/${name}/manifests/x`, { method: 'PUT' })).toBe(403);
      expect(await status(restricted, `/v2/${name}/blobs/${layer}`, { method: 'DELETE' })).toBe(403);
    }
    expect(await status(restricted, '/v2/team/app/tags/list')).toBe(200);
    expect(await status(restricted, `/v2/team/app/blobs/${layer}`)).toBe(404);
    expect(await status(mine, `/v2/secret/app/blobs/${layer}`)).toBe(200);
  });

  it('mounts nothing from the others: it is asked to upload instead', async () => {
    const restricted = { ...mine, key: gate.generateKey('read-write', { repositories: ['team/*'] }) };
    const secret = await pushLayer(mine, 'secret/app');
    const known = await pushLayer(mine, 'team/known');
    const mount = (digest: string, from: string) =>
      status(restricted, `/v2/team/goal/blobs/uploads/?mount=${digest}&from=${from}`, { method: 'POST' });
    expect(await mount(secret, 'secret/app')).toBe(202);
    expect(await mount(secret, 'team/known')).toBe(202);
    expect(await status(restricted, `/v2/team/goal/blobs/${secret}`)).toBe(404);
    expect(await mount(known, 'team/known')).toBe(201);
  });

  it('is told of those that it reaches only', async () => {
    await pushLayer(mine, 'secret/app');
    await pushLayer(mine, 'team/deep/app');
    const visible = (...patterns: string[]) =>
      repositories({ ...mine, key: gate.generateKey('read', { repositories: patterns }) });
    expect(await visible('team/app')).toEqual(['team/app']);
    expect(await visible('team/**', 'a')).toEqual(expect.arrayContaining(['a', 'team/app', 'team/deep/app']));
    expect((await visible('team/**')).every((name) => name.startsWith('team/'))).toBe(true);
    expect(await visible('nothing/*')).toEqual([]);
    expect(await visible('**')).toEqual(await repositories(mine));
  });
});
