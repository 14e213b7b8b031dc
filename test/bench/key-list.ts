/**
 * 100,000 keys in one registry: how long the list's pages take over HTTP at the real server, and its memory.
 * `npm run bench key-list`; no ratio to a peer, but to `GET /v1/session` of the same server, which reads no table.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedStore } from '#libs/embedded-store';
import { formatKey } from '#libs/kernel';
import { randomBase62 } from '#libs/platform';
import { BenchProcess } from '../support/bench-server.js';
import { seedKeys } from '../support/seed-keys.js';

const KEYS = 100_000;
const ROUNDS = 41;
const token = formatKey(`drm_${randomBase62(16)}`, randomBase62(43));

class Client {
  constructor(private readonly port: number) {}

  async get(path: string): Promise<{ next: string | null; items: readonly { id: string }[] }> {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { headers });
    const body = (await answer.json()) as { next: string | null; items: { id: string }[] };
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
    return body;
  }

  /** Median and 95th percentile in milliseconds, from the request to the parsed answer. */
  async time(path: string): Promise<{ median: number; p95: number; items: number }> {
    const times: number[] = [];
    let items = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const startedAt = performance.now();
      items = (await this.get(path)).items?.length ?? 0;
      times.push(performance.now() - startedAt);
    }
    times.sort((a, b) => a - b);
    return { median: times[ROUNDS >> 1]!, p95: times[Math.floor(ROUNDS * 0.95)]!, items };
  }

  /** The cursor before the last page, by walking the whole list. */
  async lastPage(list: string): Promise<string> {
    let last = list;
    for (let next: string | null = ''; next !== null;) {
      last = next === '' ? list : `${list}&after=${next}`;
      next = (await this.get(last)).next;
    }
    return last;
  }
}

function residentMib(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024);
}

const directory = mkdtempSync(join(tmpdir(), 'bench-key-list-'));
let server: BenchProcess | undefined;
try {
  const env = {
    DATA_DIR: directory,
    BOOTSTRAP_ADMIN_TOKEN: token,
    BOOTSTRAP_ADMIN_PASSWORD: 'not a secret of anybody',
    LOG_LEVEL: 'error',
  };
  server = await BenchProcess.server(env);
  const { id: registry } = (await new Client(server.portOf('Management API')).get(
    '/v1/registries/myapp',
  )) as unknown as { id: string };
  await server.stop();
  const store = await startEmbeddedStore({ directory: join(directory, 'events') });
  await seedKeys(store.connectionString, KEYS, { registry });
  await store.close();
  server = await BenchProcess.server(env);
  const client = new Client(server.portOf('Management API'));
  const keys = '/v1/registries/myapp/keys?limit=200';
  const pages: [string, string][] = [
    ['first page', keys],
    ['first page of 50', '/v1/registries/myapp/keys'],
    ['first page by name', `${keys}&sort=name`],
    ['part of the name, one match', `${keys}&q=key%2099999`],
    ['no match at all', `${keys}&q=nothing%20like%20it`],
    ['revoked, of one team', `${keys}&status=revoked&label=team:team-10`],
    ['a label that no key has', `${keys}&label=team:nobody`],
    [
      'all filters',
      `${keys}&status=active,suspended&permission=read-write&q=777&label=env:production&sort=-name`,
    ],
    ['last page', await client.lastPage(keys)],
    ['last page by name', await client.lastPage(`${keys}&sort=-name`)],
  ];
  const base = await client.time('/v1/session');
  console.log(
    `${KEYS.toLocaleString('en')} keys in one registry; server: ${residentMib(server.pid)} MiB resident`,
  );
  console.log(`GET /v1/session: median ${base.median.toFixed(1)} ms`);
  for (const [name, path] of pages) {
    const { median, p95, items } = await client.time(path);
    const ratio = (median / base.median).toFixed(1);
    console.log(
      `${name} (${items} keys): median ${median.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, ${ratio} sessions`,
    );
  }
  console.log(`server after that: ${residentMib(server.pid)} MiB resident`);
} finally {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
}
