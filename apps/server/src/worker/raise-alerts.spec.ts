import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RuleReplay, type Finding } from '#libs/alerts';
import type { RecordedFact } from '#libs/kernel';
import { createLog, mintId } from '#libs/platform';
import { findAlert, heldAlerts, listAlerts } from '#libs/read-models';
import {
  changeAlertSettings,
  createRegistry,
  muteRule,
  registries,
  type AlertingChoice,
} from '#libs/registries';
import { usage, usageStreamId, type KeyUseDenied, type UsageFact } from '#libs/usage';
import { temporaryDirectory } from '../../../../test/support/temporary-directory.js';
import { WorkerFixture } from '../../../../test/support/worker-fixture.js';
import { DigestAlerts } from './digest-alerts.js';
import { RaiseAlerts } from './raise-alerts.js';

const processLog = createLog('fatal');
const HOME = { network: '203.0.113.0/24', country: 'DE', asn: 64_500 };
const FAR = { network: '198.51.100.0/24', country: 'BR', asn: 64_999 };
const DAY_MS = 86_400_000;

const directory = temporaryDirectory();
let fixture: WorkerFixture;
let running: RaiseAlerts[] = [];
/** Next revision of each stream of usage. */
const revisions = new Map<string, bigint>();

beforeAll(async () => {
  fixture = await WorkerFixture.start();
}, 30_000);
afterEach(async () => {
  for (const worker of running) await worker.close();
  running = [];
});
afterAll(async () => {
  await fixture.close();
  directory.remove();
}, 30_000);

const stateFile = (name: string) => join(directory.path, `${name}.sqlite`);
async function worker(name: string): Promise<RaiseAlerts> {
  const { log, readModels } = fixture;
  const started = await RaiseAlerts.start({
    log,
    readModels,
    stateFile: stateFile(name),
    logId: 'log',
    processLog,
    onFailure: (error) => {
      throw error;
    },
  });
  running.push(started);
  return started;
}

async function registry(): Promise<string> {
  const id = mintId('reg');
  const at = new Date().toISOString();
  const created = createRegistry({ at, slug: id, name: id, plan: 'team', createdBy: 'usr_a' }, []);
  await fixture.log.create(registries, id, created, fixture.context());
  return id;
}

/** What the gate writes; the position of the newest. */
async function used(id: string, ...facts: UsageFact[]): Promise<bigint> {
  const stream = usageStreamId(id, '2026-01-01', 'inc_1');
  const revision = revisions.get(stream) ?? -1n;
  const appended = await fixture.log.extend(usage, stream, revision, facts, fixture.context());
  revisions.set(stream, appended.revision);
  return appended.position;
}

function denied(id: string, key: string, more: Partial<KeyUseDenied['data']> = {}): UsageFact {
  const at = new Date().toISOString();
  const data = {
    at, registry: id, key, reason: 'revoked', proven: true, denied: null, action: 'pull', repository: 'a', ...FAR,
    client: 'skopeo', count: 1, credentials: 1, first: at, last: at, applied: '1', ...more,
  } as const; // prettier-ignore
  return { type: 'KeyUseDenied', data };
}

function pushed(id: string, key: string, time: number, place: typeof HOME, pushes = 5): UsageFact {
  const at = new Date(time).toISOString();
  const minute = `${at.slice(0, 16)}:00.000Z`;
  const counts = { pulls: 0, pushes, others: 0 };
  return {
    type: 'KeyUsageRecorded',
    data: {
      at, registry: id, key, minute, part: 0, actions: { push: { accepted: pushes, failed: 0 } }, bytesUp: 100, bytesDown: 100,
      repositories: [{ name: 'team/api', ...counts }], repositorySet: null, places: [{ ...place, ...counts }],
      clients: [{ client: 'docker', count: pushes }], unaccounted: { places: 0, repositories: 0, clients: 0 },
      last: { at, action: 'push', repository: 'team/api', client: 'docker', ...place }, applied: '1',
    },
  }; // prettier-ignore
}

/** Waits until a worker has seen the fact and told what it found, and the tables have that. */
async function settled(position: bigint, ...workers: RaiseAlerts[]): Promise<void> {
  const isDone = () => workers.every((one) => (one.position ?? -1n) >= position && one.waiting === 0);
  while (!isDone()) await new Promise((turn) => setImmediate(turn));
  // A fact of the tables behind all that was told.
  await fixture.key({ registry: mintId('reg') });
}

const alertsOf = (id: string) => listAlerts(fixture.readModels.database, id, {}, undefined, 50);
const typesOf = async (alert: string) =>
  (await fixture.log.readStream(`alert-${alert}`)).map(({ type }) => type);

describe('the worker that raises alerts', () => {
  it('raises once what two of them compute', async () => {
    const [one, other] = [await worker('two-a'), await worker('two-b')];
    const id = await registry();
    const key = mintId('drk');
    await settled(await used(id, denied(id, key)), one, other);
    await settled(await used(id, denied(id, key, { count: 3 }), denied(id, key)), one, other);
    const [alert, ...more] = alertsOf(id);
    expect(more).toEqual([]);
    expect(alert).toMatchObject({ rule: 'revoked-key-used', key, count: 4, severity: 'high' });
    expect(await typesOf(alert!.id)).toEqual(['AlertRaised', 'AlertRepeated']);
  });

  it('goes on after a restart where it was, with what it knew', async () => {
    const id = await registry();
    const key = mintId('drk');
    const first = await worker('restarted');
    await settled(await used(id, denied(id, key)), first);
    await first.close();
    running = [];
    const second = await worker('restarted');
    expect(second.position).toBe(first.position);
    await settled(await used(id, denied(id, key)), second);
    await settled(await used(id, denied(id, key, { count: 2 })), second);
    expect(alertsOf(id)).toMatchObject([{ count: 4 }]);
    expect(second.raised).toBe(1);
  });

  it('without its state folds the log anew, and raises nothing again that was raised, however it was judged', async () => {
    const id = await registry();
    const key = mintId('drk');
    const first = await worker('lost');
    const position = await used(id, denied(id, key));
    await settled(position, first);
    await first.close();
    running = [];
    rmSync(stateFile('lost'));
    const second = await worker('lost');
    await settled(position, second);
    expect(second.raised).toBe(0);
    expect(await typesOf(alertsOf(id)[0]!.id)).toEqual(['AlertRaised']);
    // What it has folded is there: the next uses are repeats.
    await settled(await used(id, denied(id, key, { count: 3 })), second);
    expect(alertsOf(id)).toMatchObject([{ count: 4 }]);
  });

  it('raises nothing about what is long ago', async () => {
    const id = await registry();
    const one = await worker('old');
    const last = new Date(Date.now() - 8 * DAY_MS).toISOString();
    await settled(await used(id, denied(id, mintId('drk'), { last })), one);
    expect(alertsOf(id)).toEqual([]);
  });

  it('raises nothing for a muted rule, nor for a key that it is muted for', async () => {
    const id = await registry();
    const [muted, other] = [mintId('drk'), mintId('drk')];
    const one = await worker('muted');
    const until = new Date(Date.now() + DAY_MS).toISOString();
    const mute = muteRule({ at: new Date().toISOString(), rule: 'revoked-key-used', key: muted, until });
    await fixture.log.transact(registries, id, mute, fixture.context());
    await settled(await used(id, denied(id, muted), denied(id, other)), one);
    expect(alertsOf(id).map(({ key }) => key)).toEqual([other]);
  });
});

describe('a replay', () => {
  it('finds on the same stream what the live run has raised, and nothing else', async () => {
    const one = await worker('replayed');
    const id = await registry();
    const now = Date.now();
    const keys = await Promise.all([
      fixture.key({ registry: id, expectedCountries: ['DE'] }),
      fixture.key({ registry: id }),
      fixture.key({ registry: id, canary: true }),
    ]);
    const [declared, plain, canary] = keys;
    const facts: UsageFact[] = [];
    for (let day = 6; day >= 1; day--)
      for (const key of [declared, plain]) facts.push(pushed(id, key, now - day * DAY_MS, HOME));
    facts.push(denied(id, canary, { reason: 'unknown', proven: false }));
    for (let minute = 20; minute >= 1; minute--)
      facts.push(pushed(id, declared, now - minute * 60_000, FAR, 50), denied(id, plain));
    let position = 0n;
    for (const fact of facts) position = await used(id, fact);
    await settled(position, one);
    const raised = alertsOf(id);
    for (const rule of ['push-from-unexpected-place', 'canary-touched', 'revoked-key-used'] as const) {
      const replay = new RuleReplay({ registry: id, rule, from: now - 90 * DAY_MS, to: now + DAY_MS });
      const found: Finding[] = [];
      for (const fact of await everything(id)) found.push(...replay.apply(fact));
      const told = await Promise.all(
        raised.filter((alert) => alert.rule === rule).map(({ id: alert }) => tellings(alert)),
      );
      expect(found.length).toBeGreaterThan(0);
      expect(found.map(({ alert, count, evidence }) => ({ alert, count, evidence })).sort(byCount)).toEqual(
        told.flat().sort(byCount),
      );
    }
  }, 30_000);
});

const byCount = (one: { alert: string; count: number }, other: { alert: string; count: number }) =>
  one.alert.localeCompare(other.alert) || one.count - other.count;

async function tellings(alert: string) {
  const facts = await fixture.log.readStream(`alert-${alert}`);
  return facts.map(({ data }) => {
    const { count, evidence } = data as unknown as Pick<Finding, 'count' | 'evidence'>;
    return { alert, count, evidence };
  });
}

async function everything(id: string): Promise<RecordedFact[]> {
  const all: RecordedFact[] = [];
  for (;;) {
    const page = await fixture.log.readStreamsAfter(all.at(-1)?.position, [
      'registry-',
      'key-',
      `usage-${id}.`,
    ]);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

describe('quiet hours', () => {
  const quiet = (from: string, until: string): AlertingChoice => ({
    learningDays: 14,
    foldHours: 24,
    expectedCountries: [],
    expectedNetworks: [],
    quietHours: { from, until },
    digestAt: '08:00',
  });
  const clock = (time: number) => new Date(time).toISOString().slice(11, 16);

  it('hold back what is not grave, and one digest afterwards has all of it, once', async () => {
    const one = await worker('quiet');
    const id = await registry();
    const now = Date.now();
    const HOUR_MS = 3_600_000;
    const settings = changeAlertSettings(
      new Date().toISOString(),
      quiet(clock(now - HOUR_MS), clock(now + HOUR_MS)),
    );
    await fixture.log.transact(registries, id, settings, fixture.context());
    const [expired, revoked] = [mintId('drk'), mintId('drk')];
    const facts = [denied(id, expired, { reason: 'expired' }), denied(id, revoked)];
    await settled(await used(id, ...facts), one);
    const [high, medium] = alertsOf(id);
    expect([high, medium]).toMatchObject([
      { rule: 'revoked-key-used', held: false },
      { rule: 'expired-key-used', held: true },
    ]);
    const { log, readModels } = fixture;
    const digest = async (time: number) => {
      for (const _ of ['one', 'another']) await new DigestAlerts(log, readModels, () => time).reconcile();
      await readModels.waitFor((await log.head())!, 5_000);
      return (await log.readStream(`digest-${id}.${medium!.position}`)).map(({ data }) => data);
    };
    expect(await digest(now)).toEqual([]);
    expect(await digest(now + 2 * HOUR_MS)).toMatchObject([
      { registry: id, total: 1, alerts: [{ alert: medium!.id, key: expired, rule: 'expired-key-used' }] },
    ]);
    expect(heldAlerts(readModels.database).filter((held) => held.registry === id)).toEqual([]);
    expect(findAlert(readModels.database, id, medium!.id)).toMatchObject({ held: false, status: 'open' });
  });
});
