import type { Api, GeneratedKey } from '../e2e/api.js';
import type { ClusterNode } from '../e2e/cluster.js';
import { eventually } from '../e2e/server-process.js';
import { GateCallers } from './gate-callers.js';

const CALLERS = 4;
/** A fact of the first use is in the log within a second; the rest is what a busy machine adds. */
const FIRST_USE_WITHIN_MS = 10_000;
const CAUGHT_UP_WITHIN_MS = 10_000;
/** When a minute is over, it is in the log after this long on a busy machine, too. */
const WRITTEN_WITHIN_MS = 3_000;
const MINUTE_MS = 60_000;

/** What became of the requests of one process of the gate. */
export interface Round {
  readonly end: 'SIGKILL' | 'SIGTERM';
  /** Requests that were begun, and those that were answered with 200. */
  readonly started: number;
  readonly accepted: number;
  /** What the tables of the API say of them. */
  readonly counted: number;
  /** Of the accepted, those of minutes that were over for WRITTEN_WITHIN_MS; 0 where that was not waited for. */
  readonly ofWholeMinutes: number;
}

interface Parts {
  readonly api: Api;
  readonly gate: ClusterNode;
  readonly worker: ClusterNode;
  readonly keys: readonly GeneratedKey[];
}

/** What all keys of the registry were let through for, as the API tells it now. */
export async function countedInAll(api: Api): Promise<number> {
  const usage = await api.get<{ total: { actions: Record<string, { accepted: number }> } }>(
    '/v1/registries/myapp/usage?interval=P1D',
  );
  return Object.values(usage.total.actions).reduce((sum, { accepted }) => sum + accepted, 0);
}

/**
 * Traffic at a gate that then ends; with `SIGKILL` in the middle of it, and a worker beside it likewise. Both are started again
 * under the same names. `answers`: how much traffic there is before the end; `whole`: a minute ends
 * in it, too.
 */
export async function usageRound(
  { api, gate, worker, keys }: Parts,
  end: Round['end'],
  answers: number,
  whole = false,
): Promise<Round> {
  const before = await countedInAll(api);
  const callers = new GateCallers(keys);
  callers.call(() => gate.server.gatePort, CALLERS);
  await eventually('the first use is counted', FIRST_USE_WITHIN_MS, async () => {
    return (await countedInAll(api)) > before;
  });
  await callers.answers(answers);
  const ofWholeMinutes = whole ? await acceptedInWholeMinutes(callers) : 0;
  if (end === 'SIGKILL') await Promise.all([gate.server.stop('SIGKILL'), worker.server.stop('SIGKILL')]);
  const { started, acceptedBefore: accepted } = await callers.stop();
  if (end === 'SIGTERM') await gate.server.stop();
  // Nobody writes any more: once the API has the newest event, it has all.
  const { position } = await newest(api);
  await api.call('/v1/registries', { headers: { 'dockreg-min-position': position } });
  const counted = (await countedInAll(api)) - before;
  await gate.start();
  if (end === 'SIGKILL') await worker.start();
  return { end, started, accepted, counted, ofWholeMinutes };
}

/** Waits until a minute is over and written; how many requests had been accepted by its end. */
async function acceptedInWholeMinutes({ figures }: GateCallers): Promise<number> {
  const minute = () => Math.floor(Date.now() / MINUTE_MS);
  const begun = minute();
  let accepted = 0;
  await eventually('the minute is over', MINUTE_MS + 5_000, () => {
    if (minute() > begun) return true;
    accepted = figures.acceptedBefore;
    return false;
  });
  const writtenAt = Date.now() + WRITTEN_WITHIN_MS;
  await eventually('the minute is written', 2 * WRITTEN_WITHIN_MS, () => Date.now() > writtenAt);
  return accepted;
}

/** A write of its own: everything that was written before it stands before it. */
async function newest(api: Api): Promise<{ position: string }> {
  const answer = await api.call('/v1/registries/myapp/keys', {
    body: { name: 'newest', permission: 'read' },
  });
  const position = answer.headers['dockreg-position'];
  if (typeof position !== 'string') throw new Error(`no position: ${answer.status} ${answer.text}`);
  await eventually('the API has the newest event', CAUGHT_UP_WITHIN_MS, async () => {
    return BigInt(await api.position()) >= BigInt(position);
  });
  return { position };
}

/** One line of figures for the reader of the test's output. */
export function describeRounds(rounds: readonly Round[]): string {
  const lines = rounds.map(({ end, started, accepted, counted }) => {
    const lost = Math.max(0, accepted - counted);
    return `${end}: ${started} begun, ${accepted} accepted, ${counted} counted, ${lost} lost`;
  });
  return `${lines.join('\n')}\n`;
}
