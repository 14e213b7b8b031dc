import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf, GROWTH_MAX_BYTES, passLargeBlob } from './testing/blobs.js';
import { requirePrograms, startDockerRegistry, type DockerRegistry } from './testing/docker-registry.js';
import { GateFixture, type TestKey } from './testing/gate-fixture.js';
import { writeOciLayout } from './testing/oci-layout.js';
import { skopeoCopy, skopeoDelete, skopeoTags } from './testing/skopeo.js';

/** Large enough that a collected body would show, small enough for every run; large-blob.long.spec.ts takes 600 MB. */
const BLOB_BYTES = 100 * 1024 * 1024;

/** Without it the registry shows no OCI manifest. */
const OCI = { accept: 'application/vnd.oci.image.manifest.v1+json' };

let registry: DockerRegistry;
let gate: GateFixture;
let folder: string;
let reader: TestKey;
let writer: TestKey;
let remover: TestKey;

beforeAll(async () => {
  requirePrograms('skopeo');
  registry = await startDockerRegistry();
  gate = await GateFixture.start({ upstream: registry.url });
  folder = await mkdtemp(join(tmpdir(), 'dockreg-gate-'));
  await writeOciLayout(join(folder, 'image'), 'hello');
}, 30_000);
afterAll(async () => {
  await gate?.gate.close();
  await registry?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  reader = gate.generateKey('read');
  writer = gate.generateKey('read-write');
  remover = gate.generateKey('read-write-delete');
});

/** A place at the registry, as skopeo names it after `docker://`. */
function place(name: string): string {
  return `127.0.0.1:${gate.gate.port}/${name}`;
}

function push(key: TestKey, image: string, user?: string) {
  return skopeoCopy(`oci:${join(folder, 'image')}:latest`, `docker://${place(image)}`, key, user);
}

function pull(key: TestKey, image: string, into: string) {
  return skopeoCopy(`docker://${place(image)}`, `oci:${join(folder, into)}:latest`, key);
}

function as({ authorization }: TestKey, headers: Record<string, string | number> = {}) {
  return { headers: { authorization, ...headers } };
}

/** Opens an upload session and returns its location, where a digest can be appended. */
async function startUpload(key: TestKey, repository: string): Promise<string> {
  const answer = await gate.ask(`/v2/${repository}/blobs/uploads/`, { method: 'POST', ...as(key) });
  expect(answer.status).toBe(202);
  return answer.headers.location!;
}

async function uploadBlob(key: TestKey, repository: string, bytes: Buffer): Promise<string> {
  const location = await startUpload(key, repository);
  const digest = digestOf(bytes);
  const answer = await gate.ask(`${location}&digest=${digest}`, { method: 'PUT', ...as(key), body: bytes });
  expect(answer.status).toBe(201);
  return digest;
}

describe('skopeo through the gate', () => {
  it('pushes and pulls an image with a read-write key, and pulls it with a read key', async () => {
    expect(await push(writer, 'team/app')).toMatchObject({ code: 0 });
    expect(await pull(writer, 'team/app', 'pulled-by-writer')).toMatchObject({ code: 0 });
    expect(await pull(reader, 'team/app', 'pulled-by-reader')).toMatchObject({ code: 0 });
  }, 30_000);

  it('pushes with the key as user name', async () => {
    expect(await push(writer, 'team/key-key', writer.key)).toMatchObject({ code: 0 });
  }, 30_000);

  it('shows the user of a read key why his push is refused', async () => {
    const run = await push(reader, 'team/app');
    expect(run.code).not.toBe(0);
    expect(run.output).toContain('read-only');
  }, 30_000);

  it('shows the user of a revoked key nothing but a refusal', async () => {
    gate.revoke(writer);
    expect((await push(writer, 'team/app')).code).not.toBe(0);
    expect((await pull(writer, 'team/app', 'never')).code).not.toBe(0);
  }, 30_000);

  it('lists the tags', async () => {
    for (const tag of ['one', 'two', 'three']) {
      expect(await push(writer, `team/tags:${tag}`)).toMatchObject({ code: 0 });
    }
    expect(await skopeoTags(place('team/tags'), reader)).toEqual(['one', 'three', 'two']);
  }, 30_000);

  it('deletes with a read-write-delete key only', async () => {
    await push(writer, 'team/gone');
    const deletion = (key: TestKey) => skopeoDelete(place('team/gone:latest'), key);
    const status = async () => (await gate.ask('/v2/team/gone/manifests/latest', as(reader, OCI))).status;
    expect((await deletion(writer)).code).not.toBe(0);
    expect(await status()).toBe(200);
    expect(await deletion(remover)).toMatchObject({ code: 0 });
    expect(await status()).toBe(404);
  }, 30_000);
});

describe('an upload through the gate', () => {
  it('is not published when the key is revoked between its last chunk and its commit', async () => {
    const bytes = Buffer.from('never to be seen');
    const location = await startUpload(writer, 'team/upload');
    const patch = await gate.ask(location, { method: 'PATCH', ...as(writer), body: bytes });
    expect(patch.status).toBe(202);
    gate.revoke(writer);
    const commit = `${patch.headers.location!}&digest=${digestOf(bytes)}`;
    expect((await gate.ask(commit, { method: 'PUT', ...as(writer) })).status).toBe(401);
    const blob = await gate.ask(`/v2/team/upload/blobs/${digestOf(bytes)}`, {
      method: 'HEAD',
      ...as(reader),
    });
    expect(blob.status).toBe(404);
  });

  it('of a large blob takes constant memory', async () => {
    const passed = await passLargeBlob(gate, writer, BLOB_BYTES);
    expect(passed.statuses).toEqual([202, 202, 201]);
    expect(passed.downloaded).toEqual({ bytes: BLOB_BYTES, digest: passed.digest });
    expect(passed.growth).toBeLessThan(GROWTH_MAX_BYTES);
  }, 60_000);

  it('mounts a blob of another repository; a mount in doubt opens an ordinary session', async () => {
    const digest = await uploadBlob(writer, 'team/base', Buffer.from('a layer'));
    const start = '/v2/team/derived/blobs/uploads/';
    const mount = async (query: string, options: object = {}) =>
      (await gate.ask(start + query, { method: 'POST', ...as(writer), ...options })).status;
    expect(await mount(`?mount=${digest}&from=TEAM/base`)).toBe(202);
    expect(await mount(`?mount=${digest}&from=team/base&from=team/base`)).toBe(202);
    const form = Buffer.from(`mount=${digest}&from=team/base`);
    const asForm = as(writer, { 'content-type': 'application/x-www-form-urlencoded' });
    expect(await mount('', { ...asForm, body: form })).toBe(202);
    expect(await mount(`?mount=${encodeURIComponent(digest)}&from=team%2Fbase`)).toBe(201);
  });
});

describe('a revocation among 100 parallel requests', () => {
  it('lets no request pass that starts after it was applied', async () => {
    await push(writer, 'team/parallel');
    let revoked = false;
    const late: number[] = [];
    const early: number[] = [];
    await Promise.all(
      Array.from({ length: 100 }, async (_, lane) => {
        for (let turn = 0, lateTurns = 0; lateTurns < 2; turn++) {
          const startedLate = revoked;
          if (startedLate) lateTurns++;
          const method = lane % 2 === 0 ? 'GET' : 'HEAD';
          const answer = await gate.ask('/v2/team/parallel/manifests/latest', {
            method,
            ...as(writer, OCI),
          });
          (startedLate ? late : early).push(answer.status);
          if (lane === 50 && turn === 2) {
            gate.revoke(writer);
            revoked = true;
          }
        }
      }),
    );
    expect(early).toContain(200);
    expect(late).toHaveLength(200);
    expect(new Set(late)).toEqual(new Set([401]));
  }, 30_000);
});
