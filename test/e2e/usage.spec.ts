import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { writeOciLayout } from '../../apps/server/src/gate/testing/oci-layout.js';
import { bodyOf, type GeneratedKey } from './api.js';
import { CommandLine } from './cli-process.js';
import { dockerLogin, skopeoCopy } from './programs.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

interface LastUsed {
  readonly at: string;
  readonly network: string;
  readonly client: string;
  readonly repository: string | null;
  readonly action: string;
}
interface Counted {
  readonly accepted: number;
  readonly failed: number;
  readonly denied: number;
}
interface UsageAnswer {
  readonly total: {
    readonly actions: Record<string, Counted>;
    readonly bytesUp: number;
    readonly bytesDown: number;
  };
  readonly series: readonly { readonly start: string }[];
  readonly repositories: readonly {
    readonly name: string;
    readonly pulls: number;
    readonly pushes: number;
  }[];
  readonly networks: readonly { readonly network: string }[];
  readonly clients: readonly { readonly client: string; readonly count: number }[];
}

const R = '/v1/registries/myapp';

const installation = new Installation();
let server: ServerProcess;
let host: string;
let image: string;

beforeAll(async () => {
  requirePrograms('redis-server', 'docker-registry', 'skopeo', 'docker');
  server = await installation.start();
  host = `127.0.0.1:${server.gatePort}`;
  image = join(installation.folder, 'image');
  await writeOciLayout(image, 'hello');
  await server.api.createRegistry('second');
}, 40_000);
afterAll(() => installation.remove(), 20_000);

const push = ({ id, key }: GeneratedKey, repository: string) =>
  skopeoCopy(`oci:${image}:latest`, `docker://${host}/${repository}:v1`, id, key);
const shown = (id: string) => server.api.get<{ lastUsed: LastUsed | null }>(`${R}/keys/${id}`);
const usageOf = (id: string, query = 'interval=PT1M') =>
  server.api.get<UsageAnswer>(`${R}/keys/${id}/usage?${query}`);
/** The first answer that shows it, within the second that is promised and some for a busy machine. */
const soon = <T>(what: string, condition: () => Promise<T | undefined | false>) =>
  eventually(what, 2_500, condition);

describe('a push with skopeo', () => {
  it('shows as last use within a second, in the key and in the list, and leaves the version alone', async () => {
    const key = await server.api.generateKey();
    const before = await server.api.call(`${R}/keys/${key.id}`);
    expect(JSON.parse(before.text)).toMatchObject({ lastUsed: null });
    const startedAt = new Date().toISOString();
    expect(await push(key, 'team/seen')).toMatchObject({ code: 0 });
    const lastUsed = await soon('the last use of the push', async () => {
      const view = await shown(key.id);
      return view.lastUsed?.action === 'push' && view.lastUsed;
    });
    expect(lastUsed).toMatchObject({ network: '127.0.0.0/24', client: 'skopeo', repository: 'team/seen' });
    expect(lastUsed.at >= startedAt).toBe(true);
    // A second use in the same minute, which the log learns when the minute is over.
    await server.api.v2(key.key);
    await soon('the use after it', async () => (await shown(key.id)).lastUsed?.client === 'none');
    const after = await server.api.call(`${R}/keys/${key.id}`);
    expect(after.headers['etag']).toBe(before.headers['etag']);
    const { items } = await server.api.get<{ items: { id: string; lastUsed: LastUsed | null }[] }>(
      `${R}/keys`,
    );
    expect(items.find(({ id }) => id === key.id)?.lastUsed).toMatchObject({ action: 'login' });
  }, 30_000);

  it('is counted by action with its bytes, repository, network and client, for the key and the registry', async () => {
    const key = await server.api.generateKey();
    expect(await push(key, 'team/counted')).toMatchObject({ code: 0 });
    const usage = await soon('the first part of the minute', async () => {
      const answer = await usageOf(key.id);
      return answer.repositories.some(({ name }) => name === 'team/counted') && answer;
    });
    expect(usage.total.actions['push']!.accepted).toBeGreaterThan(0);
    expect(usage.networks).toMatchObject([{ network: '127.0.0.0/24' }]);
    expect(usage.clients).toMatchObject([{ client: 'skopeo' }]);
    expect(usage.series.length).toBeGreaterThan(0);
    const ofRegistry = await server.api.get<UsageAnswer>(`${R}/usage?interval=P1D`);
    expect(ofRegistry.total.actions['push']!.accepted).toBeGreaterThanOrEqual(
      usage.total.actions['push']!.accepted,
    );
    expect(ofRegistry.repositories.map(({ name }) => name)).toContain('team/counted');
  }, 30_000);

  it('with a read key stands among the denials within a second, with what the gate said and what to do', async () => {
    const key = await server.api.generateKey({ permission: 'read' });
    const refused = await push(key, 'team/refused');
    const [denial] = await soon('the denial', async () => {
      const { items } = await server.api.get<{ items: Record<string, unknown>[] }>(
        `${R}/denials?key=${key.id}`,
      );
      return items.length > 0 && items;
    });
    expect(denial).toMatchObject({
      key: key.id,
      reason: 'not_permitted',
      proven: true,
      action: 'push',
      repository: 'team/refused',
      network: '127.0.0.0/24',
      client: 'skopeo',
      remedy: expect.stringContaining('read-write'),
    });
    expect(refused.output).toContain(denial!['message']);
    const usage = await usageOf(key.id);
    expect(usage.total.actions['push']?.denied).toBeGreaterThan(0);
  }, 30_000);
});

describe('docker login with a revoked key', () => {
  it('stands among the denials, page by page, the newest kind first', async () => {
    const key = await server.api.generateKey();
    await server.api.revoke(key.id);
    expect((await dockerLogin(installation.folder, host, key.id, key.key)).code).not.toBe(0);
    const stranger = await server.api.generateKey();
    await server.api.v2(`${stranger.key.slice(0, -1)}0`);
    await soon('both', async () => {
      const items = await server.api.all<{ key: string | null }>(`${R}/denials?limit=200`);
      return items.length >= 2;
    });
    const pages = await server.api.all<{ reason: string; key: string | null; first: string }>(
      `${R}/denials?limit=1`,
    );
    expect(pages.find((one) => one.key === key.id)).toMatchObject({ reason: 'revoked' });
    expect(pages.length).toBeGreaterThanOrEqual(2);
  }, 30_000);
});

describe('keys that nobody uses', () => {
  it('are listed by the time since when, and one that was used is not', async () => {
    const [used, idle] = [await server.api.generateKey(), await server.api.generateKey()];
    const since = new Date().toISOString();
    await server.api.v2(used.key);
    const young = await server.api.generateKey();
    await soon('the use', async () => (await usageOf(used.id)).series.length > 0);
    const items = await server.api.all<{ id: string }>(
      `${R}/keys?limit=200&status=active&unusedSince=${since}`,
    );
    const ids = items.map(({ id }) => id);
    expect([used.id, idle.id, young.id].map((id) => ids.includes(id))).toEqual([false, true, false]);
    const body = { filter: { unusedSince: since }, dryRun: true };
    const dry = await server.api.call(`${R}/keys/revoke`, { body });
    expect(bodyOf<{ matched: number }>(dry, 200).matched).toBe(items.length);
  });

  it('are none of a time before there were keys', async () => {
    const list = await server.api.all(`${R}/keys?limit=200&unusedSince=2020-01-01T00:00:00Z`);
    expect(list).toEqual([]);
  });
});

describe('a rotated key', () => {
  it('is handed over once its user came back with the successor', async () => {
    const old = await server.api.generateKey();
    const rotated = await server.api.call(`${R}/keys/${old.id}/rotate`, { method: 'POST', body: {} });
    const successor = bodyOf<GeneratedKey>(rotated, 201);
    await server.api.v2(old.key);
    const handover = () =>
      server.api.get<{ safeToRetire: boolean; users: unknown[]; lastUsed: { key: string | null } }>(
        `${R}/keys/${old.id}/handover`,
      );
    const still = await soon('who uses it', async () => {
      const answer = await handover();
      return answer.users.length > 0 && answer;
    });
    expect(still).toMatchObject({
      safeToRetire: false,
      users: [{ network: '127.0.0.0/24', client: 'none' }],
    });
    await server.api.v2(successor.key);
    await soon('the handover', async () => (await handover()).safeToRetire);
  });
});

describe('the blast radius of a key', () => {
  it('tells what it could reach, what it touched, who pulled that since, and its sisters', async () => {
    const leaked = await server.api.generateKey({ repositories: ['team/*'] });
    const puller = await server.api.generateKey({ permission: 'read' });
    const path = `${R}/keys/${leaked.id}`;
    bodyOf(await server.api.call(path, { method: 'PATCH', body: { repositories: ['team/leak'] } }), 200);
    expect(await push(leaked, 'team/leak')).toMatchObject({ code: 0 });
    const source = `docker://${host}/team/leak:v1`;
    const target = `oci:${join(installation.folder, 'pulled')}:latest`;
    expect(await skopeoCopy(source, target, puller.id, puller.key)).toMatchObject({ code: 0 });
    const radius = await soon('who pulled', async () => {
      const answer = await server.api.get<Record<string, unknown> & { pulledSince: unknown[] }>(
        `${path}/blast-radius`,
      );
      return answer.pulledSince.length > 0 && answer;
    });
    expect(radius).toMatchObject({
      key: leaked.id,
      reach: [
        { repositories: ['team/*'], until: expect.any(String) },
        { repositories: ['team/leak'], until: null },
      ],
      touched: { repositories: [{ name: 'team/leak' }], networks: [{ network: '127.0.0.0/24' }] },
      newNetworks: [{ network: '127.0.0.0/24' }],
      pulledSince: [{ key: puller.id, repositories: ['team/leak'] }],
      sisters: expect.arrayContaining([
        expect.objectContaining({ id: puller.id, because: ['creator', 'network'] }),
      ]),
    });
  }, 30_000);
});

describe('a range of time', () => {
  it.each([
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 400, 'invalid-parameter'],
    ['from=2001-01-01T00:00:00Z&interval=PT1H', 400, 'invalid-parameter'],
    ['from=2001-01-01T00:00:00Z&to=2001-01-01T05:00:00Z&interval=PT1M', 422, 'usage-not-kept'],
    ['from=2001-01-01T00:00:00Z&to=2001-02-01T00:00:00Z&interval=P1D', 422, 'usage-not-kept'],
    ['interval=PT5M', 400, 'invalid-parameter'],
    ['since=yesterday', 400, 'unknown-parameter'],
  ])('that cannot be answered is refused: %s', async (query, status, code) => {
    for (const path of [`${R}/usage`, `${R}/keys/${(await server.api.generateKey()).id}/usage`]) {
      const answer = await server.api.call(`${path}?${query}`);
      expect({ status: answer.status, code: (JSON.parse(answer.text) as { code: string }).code }).toEqual({
        status,
        code,
      });
    }
  });
});

describe('the read model', () => {
  it('of usage is what the log says', async () => {
    await server.stop();
    const commands = new CommandLine(installation.folder, { DATA_DIR: installation.dataDir });
    const { code, out, err } = await commands.run(['projections', 'verify']);
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(out).toContain('usage_counts');
  }, 40_000);
});
