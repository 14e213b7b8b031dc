import type { Metrics, Settings } from '#libs/platform';
import type { TlsFiles } from './gate/certificate.js';
import { CountUsage } from './gate/count-usage.js';
import { startGate } from './gate/gate.js';
import type { Core } from './start-core.js';
import type { Usage } from './usage/start-usage.js';

/** Beyond the drain itself, the gate needs a moment to cut what is left. */
const CLOSE_SLACK_MS = 1_000;

/** Starts the data plane of this process. */
export async function startGateRole(core: Core, usage: Usage): Promise<{ url: string; port: number }> {
  const { settings, access, backends, membership, closers, log } = core;
  const drainMs = settings.gateDrainSeconds * 1_000;
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
    usage: new CountUsage({ ...usage, access, now: () => Date.now() }),
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
