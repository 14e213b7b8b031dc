import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { usage, UsageCounter, usageStreamId } from '#libs/usage';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { ReadModels } from './read-models.js';
import { usageSeries } from './usage-reads.js';
import { forgetUsage, MINUTE_MS, usageKeptFrom, usageTable, usageWholeFrom } from './usage-table.js';
import { verifyModels } from './verify.js';

const NOW = Date.parse('2026-03-02T12:00:00.000Z');
const DAY_MS = 86_400_000;
const KEPT_DAYS = 31;
const AGES = [400, 100, 40, 32, 31, 30, 3, 2, 1, 0];

describe('verify, of tables that age', () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, 'models', 'models.sqlite');
  let store: EmbeddedStore;
  let log: EventLog;
  let models: ReadModels;
  const source = () => ({ file, log, logId: 'log-1', projections: [usageTable] });

  beforeAll(async () => {
    store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    log = new EventLog(store.connectionString, catalogue);
    const counter = new UsageCounter();
    for (const age of AGES) {
      const time = NOW - age * DAY_MS;
      const place = { network: '192.0.2.0/24', country: 'DE', asn: 1, client: 'docker' } as const;
      const use = { registry: 'reg_1', key: 'drk_1', action: 'pull', repository: 'app', ...place } as const;
      counter.accept(use, time, 1n);
      counter.deny({ ...use, reason: 'revoked', proven: true, denied: undefined, credential: 1 }, time, 1n);
      for (const { registry, day, facts } of counter.take(time, true)) {
        const context = {
          commandId: `00000000-0000-4000-8000-${String(age).padStart(12, '0')}`,
          actor: { type: 'system', id: 'count-usage' },
          correlationId: 'test',
        } as const;
        await log.extend(usage, usageStreamId(registry, day, 'one'), -1n, facts, context);
      }
    }
    models = await ReadModels.open({
      ...source(),
      load: () => undefined,
      onEvents: () => undefined,
      onFailure: (error) => {
        throw error;
      },
    });
    await models.follow();
  });
  afterAll(async () => {
    models.close();
    await log.close();
    await store.close();
    directory.remove();
  });

  const daysLeft = () =>
    usageSeries(models.database, 'drk_1', 'P1D', {
      from: (NOW - 500 * DAY_MS) / MINUTE_MS,
      to: NOW / MINUTE_MS + 1,
    }).length;

  it('holds as long as the log has everything', async () => {
    expect(daysLeft()).toBe(AGES.length);
    expect((await verifyModels(source())).drift).toEqual([]);
  });

  it('holds when a node has forgotten what the log still has, and does not look at that', async () => {
    forgetUsage(models.database, usageKeptFrom(KEPT_DAYS, NOW));
    expect(daysLeft()).toBe(6);
    const { drift } = await verifyModels({ ...source(), agedBefore: usageWholeFrom(KEPT_DAYS, NOW) });
    expect(drift).toEqual([]);
    expect((await verifyModels(source())).drift.map(({ table }) => table)).toEqual([
      'denials',
      'usage_counts',
      'usage_tops',
    ]);
  });

  it('still finds a younger row that is wrong', async () => {
    models.database.run('UPDATE usage_counts SET pull_accepted = 7 WHERE step = 1440 AND minute >= ?', [
      usageWholeFrom(1, NOW),
    ]);
    const { drift } = await verifyModels({ ...source(), agedBefore: usageWholeFrom(KEPT_DAYS, NOW) });
    expect(drift).toMatchObject([{ table: 'usage_counts', kind: 'differs' }]);
  });
});
