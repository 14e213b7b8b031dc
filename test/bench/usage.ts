/**
 * What it costs to count usage. `npm run bench usage`; no peer: absolute figures.
 * 1. The gate's counter: calls that the gate makes for a request, in this process.
 * 2. The notification endpoint: envelopes of CNCF distribution at a real server, with its CPU time.
 * 3. A day of 1,000 keys on a virtual clock, through the counter and the writer: memory and appends. With `LARGE=1` an hour in
 *    which each of the keys makes 1,000 requests a minute follows.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AccessModel } from '#libs/access';
import { Geography } from '#libs/geography';
import { formatKey } from '#libs/kernel';
import { randomBase62 } from '#libs/platform';
import { acceptedOf, UsageCounter, type UsageFact } from '#libs/usage';
import { CountUsage } from '../../apps/server/src/gate/count-usage.js';
import { WriteUsage } from '../../apps/server/src/usage/write-usage.js';
import { BenchProcess } from '../support/bench-server.js';

const KEYS = 1_000;
const COUNTED = 1_000_000;
const ENVELOPES = 4_000;
const EVENTS_PER_ENVELOPE = 10;
const CONNECTIONS = 8;
const REQUESTS_PER_MINUTE = 1_000;
const MINUTES = 24 * 60;
const TAKES_PER_MINUTE = 240;
const MINUTE_MS = 60_000;
const ASN_FILE = fileURLToPath(new URL('../../geography/asn.bin', import.meta.url));

async function benchCounter(): Promise<void> {
  const geography = await Geography.open({ countryFile: undefined, asnFile: ASN_FILE });
  const counter = new UsageCounter();
  const access = { position: 1n } as AccessModel;
  let now = Date.parse('2026-03-02T10:00:00Z');
  const counting = new CountUsage({ counter, geography, access, now: () => now });
  const socket = { bytesRead: 0, bytesWritten: 0 };
  const request = {
    headers: { 'user-agent': 'docker/27.1.1 go/go1.21' },
    socket,
  } as unknown as IncomingMessage;
  const response = { statusCode: 200, writableFinished: true } as ServerResponse;
  const repositories = Array.from({ length: 20 }, (_, number) => `team/app-${number}`);
  const addresses = Array.from({ length: 50 }, (_, number) => `198.51.${number}.7`);
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  for (let count = 0; count < COUNTED; count++) {
    const used = { registry: 'reg_1', key: `drk_${count % KEYS}` };
    const asked = { action: 'pull', repository: repositories[count % 20] } as Parameters<
      CountUsage['accepted']
    >[1];
    counting.accepted(used, asked, request, addresses[count % 50]!);
    counting.follow(used, asked, request, response)();
    if (count % 1_000 === 0) counter.take((now += 250));
  }
  const { user, system } = process.cpuUsage(cpu);
  const perSecond = COUNTED / ((performance.now() - startedAt) / 1_000);
  console.log(
    `the gate's counter: ${Math.round(perSecond).toLocaleString('en')} requests/s, ${((user + system) / COUNTED).toFixed(2)} µs CPU each (accepted, followed, located; facts taken)`,
  );
}

async function benchNotifications(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dockreg-usage-'));
  const token = formatKey(`drm_${randomBase62(16)}`, randomBase62(43));
  const settings = { DATA_DIR: directory, BOOTSTRAP_ADMIN_TOKEN: token };
  const server = await BenchProcess.server({ ...settings, BOOTSTRAP_ADMIN_PASSWORD: 'of a benchmark' });
  try {
    const registry = `http://127.0.0.1:${server.portOf('Management API')}/v1/registries/myapp`;
    const ask = async <Body>(path: string, body?: object): Promise<Body> => {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
      };
      const answer = await fetch(registry + path, {
        method: 'POST',
        headers,
        ...(body && { body: JSON.stringify(body) }),
      });
      if (!answer.ok) throw new Error(await answer.text());
      return (await answer.json()) as Body;
    };
    const { secret } = await ask<{ secret: string }>('/notifications/secret');
    const { id } = await ask<{ id: string }>('/keys', { name: 'bench', permission: 'read' });
    await sendEnvelopes(`${registry}/notifications`, secret, id, 200);
    const [cpu, startedAt] = [server.cpuSeconds(), performance.now()];
    const latencies = await sendEnvelopes(`${registry}/notifications`, secret, id, ENVELOPES);
    const seconds = (performance.now() - startedAt) / 1_000;
    const events = ENVELOPES * EVENTS_PER_ENVELOPE;
    const cpuEach = ((server.cpuSeconds() - cpu) / events) * 1e6;
    const alone = await sendEnvelopes(`${registry}/notifications`, secret, id, ENVELOPES / 8, 1);
    console.log(
      `notifications, ${EVENTS_PER_ENVELOPE} events each, ${CONNECTIONS} at once: ${Math.round(events / seconds).toLocaleString('en')} events/s, ${cpuEach.toFixed(0)} µs CPU of the server each; answered in ${percentiles(latencies)}; one at a time in ${percentiles(alone)}`,
    );
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}

/** In ms, sorted. */
async function sendEnvelopes(
  url: string,
  secret: string,
  key: string,
  count: number,
  connections = CONNECTIONS,
): Promise<number[]> {
  const headers = {
    authorization: `Bearer ${secret}`,
    'content-type': 'application/vnd.docker.distribution.events.v2+json',
  };
  const latencies: number[] = [];
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const events = Array.from({ length: EVENTS_PER_ENVELOPE }, (_, number) => eventOf(key, number));
      const startedAt = performance.now();
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ events }) });
      await answer.arrayBuffer();
      if (answer.status !== 204) throw new Error(`answered ${answer.status}`);
      latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return latencies.sort((one, other) => one - other);
}

function percentiles(sorted: readonly number[]): string {
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

function eventOf(key: string, number: number): object {
  return {
    id: randomUUID(),
    timestamp: new Date().toISOString(),
    action: number % 3 ? 'pull' : 'push',
    target: { repository: `myapp/team/app-${number}`, size: 1_000, digest: `sha256:${'0'.repeat(64)}` },
    request: {
      addr: `198.51.100.${number}:4000`,
      method: 'GET',
      useragent: 'docker/27.1.1',
      host: 'registry',
    },
    actor: { name: key },
    source: { addr: 'registry:5000', instanceID: 'bench' },
  };
}

/** `perMinute` requests of all keys together. */
async function benchDay(name: string, minutes: number, perMinute: number): Promise<void> {
  let now = Date.parse('2026-03-02T00:00:00Z');
  let [appends, facts, requests, sent] = [0, 0, 0, 0];
  const eventLog = {
    extend: (_kind: unknown, _stream: string, revision: bigint, appended: readonly unknown[]) => {
      appends++;
      facts += appended.length;
      for (const { type, data } of appended as readonly UsageFact[])
        if (type === 'KeyUsageRecorded') requests += acceptedOf(data.actions);
      return Promise.resolve({ position: 0n, revision: revision + BigInt(appended.length) });
    },
    keepOnly: () => Promise.resolve(),
  };
  const counter = new UsageCounter();
  mock.timers.enable({ apis: ['setInterval'] });
  const writer = new WriteUsage({
    counter, eventLog, incarnation: 'bench', keptDays: 400, log: { warn: () => undefined }, now: () => now,
  }); // prettier-ignore
  writer.start();
  const heaps: number[] = [];
  const startedAt = performance.now();
  for (let minute = 0; minute < minutes; minute++) {
    for (let take = 0; take < TAKES_PER_MINUTE; take++) {
      const due =
        Math.ceil(((take + 1) * perMinute) / TAKES_PER_MINUTE) -
        Math.ceil((take * perMinute) / TAKES_PER_MINUTE);
      for (let request = 0; request < due; request++) counter.accept(useOf(sent++), now, 1n);
      now += MINUTE_MS / TAKES_PER_MINUTE;
      mock.timers.tick(MINUTE_MS / TAKES_PER_MINUTE);
      await nextTurn();
    }
    if ((minute + 1) % Math.ceil(minutes / 12) === 0) heaps.push(heapMegabytes());
  }
  await writer.close();
  mock.timers.reset();
  if (requests !== sent) throw new Error(`${sent} requests were made and ${requests} counted`);
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(
    `${name}: ${sent.toLocaleString('en')} requests, all of them counted; ${(appends / minutes).toFixed(1)} appends and ${(facts / minutes).toFixed(0)} facts a minute; heap ${heaps.map((heap) => heap.toFixed(1)).join(', ')} MB (each twelfth); ${seconds.toFixed(0)} s`,
  );
}

function useOf(number: number) {
  // Scattered over the keys, as chance would, and the same in every run.
  const key = (Math.imul(number, 2_654_435_761) >>> 8) % KEYS;
  return {
    registry: 'reg_1',
    key: `drk_${key}`,
    action: number % 5 ? ('pull' as const) : ('push' as const),
    repository: `team/app-${(number * 7) % 40}`,
    network: `198.51.${key % 100}.0/24`,
    country: 'DE',
    asn: 64_500,
    client: key % 3 ? 'docker' : 'containerd',
  };
}

function heapMegabytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

await benchCounter();
await benchNotifications();
const all = `${KEYS.toLocaleString('en')} keys`;
await benchDay(`24 h of ${all}, ${REQUESTS_PER_MINUTE} requests a minute`, MINUTES, REQUESTS_PER_MINUTE);
if (process.env['LARGE'] === '1')
  await benchDay(
    `1 h of ${all}, ${REQUESTS_PER_MINUTE} requests a minute of each`,
    60,
    KEYS * REQUESTS_PER_MINUTE,
  );
