import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventLog } from '#libs/event-store';
import { createLog, mintId } from '#libs/platform';
import { listAlerts } from '#libs/read-models';
import { usage, usageStreamId, type KeyUsageRecorded } from '#libs/usage';
import { temporaryDirectory } from '../../../../test/support/temporary-directory.js';
import { WorkerFixture } from '../../../../test/support/worker-fixture.js';
import { RaiseAlerts } from './raise-alerts.js';

const HOME = { network: '203.0.113.0/24', country: 'DE', asn: 64_500 };
/** A pull from there is three findings of one fact: a new country, network operator and network. */
const FAR = { network: '198.51.100.0/24', country: 'BR', asn: 64_999 };

const directory = temporaryDirectory();
let fixture: WorkerFixture;
let running: RaiseAlerts[] = [];

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

async function worker(name: string, log = fixture.log): Promise<RaiseAlerts> {
  const started = await RaiseAlerts.start({
    log,
    readModels: fixture.readModels,
    stateFile: stateFile(name),
    logId: 'log',
    processLog: createLog('fatal'),
    onFailure: (error) => {
      throw error;
    },
  });
  running.push(started);
  return started;
}

/** The log for a worker that ends as soon as it has told one finding. */
function endingAfterOne(ending: () => RaiseAlerts): EventLog {
  const { log } = fixture;
  const transact: EventLog['transact'] = async (...command) => {
    const told = await log.transact(...command);
    void ending().close();
    return told;
  };
  return new Proxy(log, {
    get: (target, name) => {
      const value: unknown = name === 'transact' ? transact : Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Lets a worker end after the first of the three findings; the position of the fact. */
async function endBetween(name: string, id: string, key: string): Promise<bigint> {
  const ending: RaiseAlerts = await worker(
    name,
    endingAfterOne(() => ending),
  );
  const position = await pulled(id, key, Date.now(), FAR, 0n);
  await until(() => ending.raised > 0);
  running = running.filter((one) => one !== ending);
  await caughtUp();
  return position;
}

/** What the gate writes; the position of it. `revision`: of the stream before. */
async function pulled(
  id: string,
  key: string,
  time: number,
  place: typeof HOME,
  revision: bigint,
): Promise<bigint> {
  const at = new Date(time).toISOString();
  const counts = { pulls: 1, pushes: 0, others: 0 };
  const data: KeyUsageRecorded['data'] = {
    at, registry: id, key, minute: `${at.slice(0, 16)}:00.000Z`, part: 0, actions: { pull: { accepted: 1, failed: 0 } },
    bytesUp: 100, bytesDown: 100, repositories: [{ name: 'team/api', ...counts }], repositorySet: null,
    places: [{ ...place, ...counts }], clients: [{ client: 'docker', count: 1 }],
    unaccounted: { places: 0, repositories: 0, clients: 0 },
    last: { at, action: 'pull', repository: 'team/api', client: 'docker', ...place }, applied: '1',
  }; // prettier-ignore
  const stream = usageStreamId(id, '2026-01-01', 'inc_1');
  const fact = { type: 'KeyUsageRecorded', data } as const;
  return (await fixture.log.extend(usage, stream, revision, [fact], fixture.context())).position;
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((turn) => setImmediate(turn));
}

const settled = (position: bigint, one: RaiseAlerts) =>
  until(() => (one.position ?? -1n) >= position && one.waiting === 0);
/** Waits until the tables have all that was told. */
const caughtUp = () => fixture.key({ registry: mintId('reg') });
const alertsOf = (id: string) => listAlerts(fixture.readModels.database, id, {}, undefined, 50);
const rulesOf = (id: string) => alertsOf(id).map(({ rule }) => rule).sort(); // prettier-ignore

describe('a worker that ended between two findings of one fact', () => {
  it('tells the others when it goes on, and those that are told not again', async () => {
    const id = mintId('reg');
    const key = await fixture.key({ registry: id, expectedCountries: ['DE'] });
    const before = await worker('kept');
    await settled(await pulled(id, key, Date.now() - 86_400_000, HOME, -1n), before);
    await before.close();
    const position = await endBetween('kept', id, key);
    expect(rulesOf(id)).toEqual(['new-country']);
    const after = await worker('kept');
    await settled(position, after);
    await caughtUp();
    expect(rulesOf(id)).toEqual(['new-asn', 'new-country', 'new-network']);
    for (const alert of alertsOf(id)) {
      const facts = await fixture.log.readStream(`alert-${alert.id}`);
      expect(facts.map(({ type }) => type)).toEqual(['AlertRaised']);
    }
  });

  it('and lost its state tells nothing of that fact: other rules may judge it otherwise', async () => {
    const id = mintId('reg');
    const key = await fixture.key({ registry: id, expectedCountries: ['DE'] });
    await pulled(id, key, Date.now() - 86_400_000, HOME, -1n);
    const position = await endBetween('lost', id, key);
    rmSync(stateFile('lost'));
    const after = await worker('lost');
    await settled(position, after);
    await caughtUp();
    expect(rulesOf(id)).toEqual(['new-country']);
  });
});
