import { fileURLToPath } from 'node:url';
import { Geography } from '#libs/geography';
import type { Metrics, Settings } from '#libs/platform';
import { UsageCounter } from '#libs/usage';
import type { TlsFiles } from './gate/certificate.js';
import { CountUsage } from './gate/count-usage.js';
import { startGate } from './gate/gate.js';
import { WriteUsage } from './gate/write-usage.js';
import type { Core } from './start-core.js';

/** Beyond the drain itself, the gate needs a moment to cut what is left. */
const CLOSE_SLACK_MS = 1_000;

/** What the build makes of the ranges of autonomous systems (.setup/geography.mjs). */
const ASN_FILE = fileURLToPath(new URL('../../../geography/asn.bin', import.meta.url));

/** Starts the data plane of this process. */
export async function startGateRole(core: Core): Promise<{ url: string; port: number }> {
  const { settings, access, backends, membership, closers, log } = core;
  const drainMs = settings.gateDrainSeconds * 1_000;
  const usage = await countUsage(core);
  const gate = await startGate({
    host: settings.gateHost,
    port: settings.gatePort,
    access,
    upstream: backends.upstream,
    // The lease is asked for once, by the one that also counts the request as activity.
    ready: () => core.obstacle('lease') ?? membership.ready(),
    waitReady: () => membership.waitReady(),
    servesReads: (withinMs) => core.obstacle('lease') === undefined && membership.servesReads(withinMs),
    now: () => Date.now(),
    log,
    metrics: gateMetrics(core.metrics),
    usage,
    operations: core.operations,
    trustedProxies: settings.trustedProxies,
    proxyProtocol: settings.gateProxyProtocol === 'v2',
    drainMs,
    ...tlsOf(settings),
  });
  closers.add('gate', () => gate.close(), drainMs + CLOSE_SLACK_MS);
  const scheme = settings.gateTlsCert === undefined ? 'http' : 'https';
  return { url: `${scheme}://${gate.address}:${gate.port}`, port: gate.port };
}

/** Counts what keys are used for. What was counted is written when the gate has ended: closers go backwards. */
async function countUsage(core: Core): Promise<CountUsage> {
  const { settings, eventLog, membership, metrics, closers, access, log } = core;
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
  return new CountUsage({ counter, geography, access, now: () => Date.now() });
}

function tlsOf({ gateTlsCert, gateTlsKey }: Settings): { tls?: TlsFiles } {
  const isGiven = gateTlsCert !== undefined && gateTlsKey !== undefined;
  return isGiven ? { tls: { certFile: gateTlsCert, keyFile: gateTlsKey } } : {};
}

/** Counts by verdict; the child of each label is looked up once, since every request counts. */
function gateMetrics(metrics: Metrics) {
  const decisions = metrics.counter('dockreg_gate_decisions_total', 'Requests at the gate by verdict', [
    'verdict',
  ]);
  const children = new Map<string, Pick<typeof decisions, 'inc'>>();
  return {
    decided(verdict: string): void {
      let child = children.get(verdict);
      if (!child) children.set(verdict, (child = decisions.labels(verdict) as Pick<typeof decisions, 'inc'>));
      child.inc();
    },
  };
}
