import { fileURLToPath } from 'node:url';
import { Geography } from '#libs/geography';
import { UsageCounter } from '#libs/usage';
import type { Core } from '../start-core.js';
import { LiveLastUses } from './live-last-uses.js';
import { WriteUsage } from './write-usage.js';

/** What the build makes of the ranges of autonomous systems (.setup/geography.mjs). */
const ASN_FILE = fileURLToPath(new URL('../../../../geography/asn.bin', import.meta.url));

/** What counts in this process: the gate, and the notifications that its API takes. One process writes one stream. */
export interface Usage {
  readonly counter: UsageCounter;
  readonly geography: Geography;
  readonly lastUses: LiveLastUses;
}

/** Call it before the roles that count: what they counted last is written when they have ended, as closers go backwards. */
export async function startUsage(core: Core): Promise<Usage> {
  const { settings, eventLog, membership, metrics, closers, log } = core;
  const geography = await Geography.open({ countryFile: settings.geoipDb, asnFile: ASN_FILE });
  const counter = new UsageCounter();
  const { incarnation } = membership;
  const writer = new WriteUsage({ counter, eventLog, incarnation, keptDays: settings.usageKeptDays, log });
  metrics.gauge(
    'dockreg_usage_dropped',
    'Requests that were not counted, and counts that were lost, since the start',
    () => counter.dropped + writer.dropped,
  );
  metrics.gauge(
    'dockreg_usage_waiting',
    'Facts of usage that wait for the event store',
    () => writer.waiting,
  );
  metrics.gauge('dockreg_usage_written', 'Facts of usage written since the start', () => writer.written);
  writer.start();
  closers.add('usage', () => writer.close());
  const lastUses = new LiveLastUses(core.backends.redis, core.installation);
  lastUses.start();
  closers.add('last uses', () => lastUses.stop());
  return { counter, geography, lastUses };
}
