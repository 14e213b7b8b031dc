import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GeneratedKey } from '../e2e/api.js';
import { loginLines } from '../deploy/snippets.js';
import { basic } from '../e2e/http-exchange.js';
import type { Ran } from '../e2e/programs.js';
import { DOMAIN } from './certificate.js';
import type { Credentials, RegistryClients } from './registry-clients.js';
import { ThreeWays, WAYS, type Keys, type Way } from './three-ways.js';

/** A test runs up to a dozen programs, each a fraction of a second. */
const LIMIT_MS = 60_000;

const installation = new ThreeWays();
beforeAll(() => installation.start(), LIMIT_MS);
afterAll(() => installation.remove(), 20_000);

const byKey = ({ key }: GeneratedKey): Credentials => ({ user: key, key });
const byId = ({ id, key }: GeneratedKey): Credentials => ({ user: id, key });
const header = ({ id, key }: GeneratedKey) => ({ authorization: basic(id, key) });

/** What ran without a failure; the text of a failure is the program's own. */
function expectDone(...ran: readonly Ran[]): void {
  for (const { code, output } of ran) expect({ code, output }).toEqual({ code: 0, output });
}

function expectRefused({ code, output }: Ran, why: RegExp): void {
  expect({ refused: code !== 0, output }).toEqual({ refused: true, output: expect.stringMatching(why) });
}

function digestOf(layout: string): string {
  const file = join(installation.installation.folder, layout, 'index.json');
  const index = JSON.parse(readFileSync(file, 'utf8')) as { manifests: { digest: string }[] };
  return index.manifests[0]!.digest;
}

/** Pushes the image `one` to the first registry and `two` to the second, under the same name and tag. */
async function pushBoth({ first, second, clients }: Way, { deleter, foreign }: Keys): Promise<void> {
  const machine = clients();
  expectDone(
    await machine.skopeoLogin(first, byId(deleter)),
    await machine.skopeoCopy(installation.image('one'), `docker://${first}/team/base:v1`),
    await machine.skopeoLogin(second, byId(foreign)),
    await machine.skopeoCopy(installation.image('two'), `docker://${second}/team/base:v1`),
  );
}

describe.each(WAYS)('%s', (name) => {
  let way: Way;
  let keys: Keys;
  beforeAll(async () => {
    way = installation.named(name);
    ({ keys } = installation);
    await pushBoth(way, keys);
  }, LIMIT_MS);

  describe.each([
    ['key:key', byKey, 'of-key'],
    ['key id:key', byId, 'of-id'],
  ])('with %s', (_, credentials, suffix) => {
    it(
      'docker logs in, pushes a manifest list and logs out',
      async () => {
        const { first, clients } = way;
        const machine = clients();
        const repository = `${first}/team/docker-${suffix}`;
        const login = await machine.dockerLogin(first, credentials(keys.writer));
        expectDone(login);
        expect(login.output).toContain('Login Succeeded');
        expectDone(
          await machine.skopeoLogin(first, credentials(keys.writer)),
          await machine.skopeoCopy(installation.image('one'), `docker://${repository}:v1`),
          await machine.dockerManifestPush(`${repository}:list`, `${repository}:v1`),
        );
        const shown = await machine.dockerManifestInspect(`${repository}:list`);
        expect(JSON.parse(shown.output)).toMatchObject({ manifests: [{ digest: digestOf('one') }] });
        expectDone(await machine.docker('logout', first));
        expectRefused(await machine.dockerManifestInspect(`${repository}:v1`), /no basic auth credentials/);
      },
      LIMIT_MS,
    );

    it(
      'skopeo logs in, copies, inspects, lists tags, deletes and logs out',
      async () => {
        const { first, clients } = way;
        const machine = clients();
        const repository = `docker://${first}/team/skopeo-${suffix}`;
        const pulled = `pulled ${name} ${suffix}`;
        expectDone(
          await machine.skopeoLogin(first, credentials(keys.deleter)),
          await machine.skopeoCopy(installation.image('one'), `${repository}:v1`),
          await machine.skopeoCopy(`${repository}:v1`, installation.image(pulled)),
        );
        expect(digestOf(pulled)).toBe(digestOf('one'));
        const [inspected, tags] = [
          await machine.skopeo('inspect', `${repository}:v1`),
          await machine.skopeo('list-tags', repository),
        ];
        expect(JSON.parse(inspected.output)).toMatchObject({ Digest: digestOf('one'), RepoTags: ['v1'] });
        expect(JSON.parse(tags.output)).toMatchObject({ Tags: ['v1'] });
        expectDone(await machine.skopeo('delete', `${repository}:v1`));
        expectRefused(await machine.skopeo('inspect', `${repository}:v1`), /manifest unknown/);
        expectDone(await machine.skopeoLogout(first));
        expectRefused(await machine.skopeo('inspect', `${repository}:v1`), /authentication required/);
      },
      LIMIT_MS,
    );

    it(
      'buildah logs in, builds from nothing, pushes, pulls and logs out',
      async () => {
        const { first, clients } = way;
        const machine = clients();
        const remote = `${first}/team/buildah-${suffix}:v1`;
        await machine.buildahBuild('localhost/built', `built ${name} ${suffix}`);
        expectDone(
          await machine.buildahLogin(first, credentials(keys.writer)),
          await machine.buildahRemote('push', 'localhost/built', `docker://${remote}`),
          await machine.buildah('rmi', '--all', '--force'),
          await machine.buildahRemote('pull', `docker://${remote}`),
        );
        const images = await machine.buildah('images', '--format', '{{.Name}}:{{.Tag}}');
        expect(images.output.trim()).toBe(remote);
        expectDone(await machine.buildahLogout(first));
        expectRefused(
          await machine.buildahRemote('pull', '--policy', 'always', `docker://${remote}`),
          /authentication required/,
        );
      },
      LIMIT_MS,
    );
  });

  it(
    'a pull-only key logs in and pulls, and every client shows why it does not push',
    async () => {
      const { first, clients } = way;
      const machine = clients();
      const base = `${first}/team/base`;
      await machine.buildahBuild('localhost/built', 'refused');
      expectDone(
        await machine.dockerLogin(first, byId(keys.reader)),
        await machine.skopeoLogin(first, byId(keys.reader)),
        await machine.buildahLogin(first, byId(keys.reader)),
        await machine.skopeo('inspect', `docker://${base}:v1`),
        await machine.buildahRemote('pull', `docker://${base}:v1`),
      );
      const why = /this key is read-only: pushing needs a key with the permission read-write/;
      expectRefused(await machine.dockerManifestPush(`${base}:list`, `${base}:v1`), why);
      expectRefused(await machine.skopeoCopy(installation.image('two'), `docker://${base}:v2`), why);
      expectRefused(await machine.buildahRemote('push', 'localhost/built', `docker://${base}:v3`), why);
      expectRefused(await machine.skopeo('delete', `docker://${base}:v1`), /may not delete|403/);
      expect(await tagsOf(machine, base)).toEqual(['v1']);
    },
    LIMIT_MS,
  );

  it.each([
    ['of the other registry', 'foreign'],
    ['that has expired', 'expired'],
    ['that was revoked', 'revoked'],
  ] as const)(
    'a key %s logs in with no client',
    async (_, which) => {
      const { first, clients } = way;
      const machine = clients();
      const credentials = byId(keys[which]);
      for (const login of [
        await machine.dockerLogin(first, credentials),
        await machine.skopeoLogin(first, credentials),
        await machine.buildahLogin(first, credentials),
      ]) {
        expectRefused(login, /401|unauthorized|invalid username\/password/i);
        expect(login.output).not.toContain(credentials.key.slice(21));
      }
    },
    LIMIT_MS,
  );

  it(
    'neither registry sees, lists, mounts or deletes what the other has',
    async () => {
      const { first, second, clients, ask } = way;
      const [owner, neighbour] = [clients(), clients()];
      expectDone(
        await owner.skopeoLogin(first, byId(keys.deleter)),
        await owner.skopeoCopy(installation.image('one'), `docker://${first}/team/private:v1`),
        await neighbour.skopeoLogin(second, byId(keys.foreign)),
      );
      // The same name is another image at each host.
      const [own, others] = [
        await owner.skopeo('inspect', `docker://${first}/team/base:v1`),
        await neighbour.skopeo('inspect', `docker://${second}/team/base:v1`),
      ];
      expect(JSON.parse(own.output)).toMatchObject({ Digest: digestOf('one') });
      expect(JSON.parse(others.output)).toMatchObject({ Digest: digestOf('two') });

      for (const reached of ['team/private', 'myapp/team/private', '../myapp/team/private']) {
        const there = `docker://${second}/${reached}`;
        expectRefused(await neighbour.skopeo('inspect', `${there}:v1`), /unknown|invalid/);
        expectRefused(await neighbour.skopeo('list-tags', there), /unknown|invalid/);
        expectRefused(await neighbour.skopeo('delete', `${there}:v1`), /unknown|invalid|may not exist/);
      }
      const catalog = await ask(second, { path: '/v2/_catalog', headers: header(keys.foreign) });
      expect(catalog.text).not.toMatch(/private|myapp/);

      const layer = (JSON.parse(own.output) as { Layers: string[] }).Layers[0]!;
      for (const from of ['team/private', 'myapp/team/private', '../myapp/team/private']) {
        const path = `/v2/team/mounted/blobs/uploads/?mount=${layer}&from=${encodeURIComponent(from)}`;
        const mount = await ask(second, { method: 'POST', path, headers: header(keys.foreign) });
        expect(mount.status).not.toBe(201);
      }
      const blob = await ask(second, {
        path: `/v2/team/mounted/blobs/${layer}`,
        headers: header(keys.foreign),
      });
      expect(blob.status).toBe(404);
      expect(await tagsOf(owner, `${first}/team/private`)).toEqual(['v1']);
    },
    LIMIT_MS,
  );

  it('the login lines of docs/deploy log in', async () => {
    const { first, clients } = way;
    const { id, key } = keys.writer;
    for (const line of loginLines()) {
      const variables = { DOCKREG_KEY_ID: id, DOCKREG_KEY: key, REGISTRY: first, DOCKREG_REGISTRY: first };
      const machine = clients();
      // The snippet for Kubernetes names its registry.
      const ran = await machine.shell(line.replace('myapp.registry.example.com', first), variables);
      expectDone(ran);
      expect(ran.output).toContain('Login Succeeded');
    }
  });

  it("judges a key that is bound to networks by the client's own address, whatever the client claims", async () => {
    const { api } = installation.server;
    const [here, elsewhere] = [
      await api.generateKey({ networks: ['127.0.0.0/8'] }),
      await api.generateKey({ networks: ['10.9.9.0/24'] }),
    ];
    const lies = { 'x-forwarded-for': '10.9.9.9', forwarded: 'for=10.9.9.9', 'x-real-ip': '10.9.9.9' };
    // Without a proxy this test itself is at the address that TRUSTED_PROXIES names, and would be believed.
    const claim = name === 'directly' ? {} : lies;
    const asked = (key: GeneratedKey) => ({ path: '/v2/', headers: { ...header(key), ...claim } });
    const refused = await way.ask(way.first, asked(elsewhere));
    expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('network') });
    expect((await way.ask(way.first, asked(here))).status).toBe(200);
  });

  it('answers registry clients only, and on known hosts only', async () => {
    const { first, ask } = way;
    const { writer } = keys;
    for (const host of ['127.0.0.3', `nobody.${DOMAIN}`, DOMAIN]) {
      expect(await ask(host, { path: '/v2/', headers: header(writer) })).toMatchObject({ status: 404 });
    }
    for (const path of ['/v2/../metrics', '/v2/%2e%2e/metrics', '/v2/%2e%2e/v1/status']) {
      const { status } = await ask(first, { path, headers: header(writer) });
      expect({ path, isRefused: status === 400 || status === 404 }).toEqual({ path, isRefused: true });
    }
  });
});

async function tagsOf(machine: RegistryClients, repository: string): Promise<string[]> {
  const { output } = await machine.skopeo('list-tags', `docker://${repository}`);
  return (JSON.parse(output) as { Tags: string[] }).Tags;
}
