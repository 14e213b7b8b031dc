import { catalogue } from '#libs/catalogue';
import { EventLog, readHead, readLogId } from '#libs/event-store';
import type { Settings } from '#libs/platform';
import {
  modelStatus,
  rebuildModels,
  SERVER_PROJECTIONS,
  serverModelFile,
  verifyModels,
  type ModelStatus,
  type Verification,
} from '#libs/read-models';
import { CliError, EXIT } from './cli-error.js';
import { printResult, showing, size, strong, table, type OutputOptions } from './output.js';
import { reachLog } from './reach-log.js';

interface Source {
  readonly file: string;
  readonly log: EventLog;
  readonly logId: string;
  readonly projections: typeof SERVER_PROJECTIONS;
  readonly head: () => Promise<bigint | undefined>;
}

/** `dockreg projections status`: what the read-model file holds and how far it is behind the log. Changes nothing. */
export async function projectionsStatus(settings: Settings, options: OutputOptions): Promise<void> {
  await withSource(settings, {}, async (source) => {
    const status = modelStatus(source.file, source);
    const beside = modelStatus(`${source.file}.next`, source);
    const behind = status.state === 'current' ? await eventsBehind(source, status) : undefined;
    const result = {
      logId: source.logId,
      head: await source.head(),
      ...status,
      position: status.checkpoint?.position,
      eventsBehind: behind,
      rebuilding: beside.checkpoint ? { position: beside.checkpoint.position ?? null } : null,
    };
    printResult(options, result, statusLines(result, behind));
  });
}

/** `dockreg projections rebuild`: builds the file anew from the log and puts it in the place of the old one. */
export async function projectionsRebuild(settings: Settings, options: OutputOptions): Promise<void> {
  const alone = 'a rebuild replaces the file that it works on (it would also rebuild a bad one by itself)';
  await withSource(settings, { alone }, async (source) => {
    const startedAt = performance.now();
    const built = await showing('Rebuilding', (onProgress) => rebuildModels({ ...source, onProgress }));
    const seconds = secondsSince(startedAt);
    printResult(options, { file: source.file, ...built, seconds }, [
      `Rebuilt ${source.file} from ${built.events.toLocaleString('en')} events in ${seconds} s.`,
    ]);
  });
}

/** `dockreg projections verify`: compares the file with a replay of the log. Ends with code 3 when they differ. */
export async function projectionsVerify(settings: Settings, options: OutputOptions): Promise<void> {
  await withSource(settings, {}, async (source) => {
    const startedAt = performance.now();
    const found = await showing('Replaying', (onProgress) => verifyModels({ ...source, onProgress }));
    const result = { file: source.file, ...found, seconds: secondsSince(startedAt) };
    printResult(options, result, verifyLines(result));
    if (found.drift.length > 0) process.exitCode = EXIT.drift;
  });
}

async function withSource(
  settings: Settings,
  reach: { alone?: string },
  work: (source: Source) => Promise<void>,
): Promise<void> {
  const reached = await reachLog(settings, reach);
  const log = new EventLog(reached.connectionString, catalogue);
  try {
    const logId = await readLogId(log);
    if (logId === undefined) throw new CliError('The log is empty: no server has started on it yet.');
    await work({
      file: serverModelFile(settings.dataDir),
      log,
      logId,
      projections: SERVER_PROJECTIONS,
      head: () => readHead(reached.connectionString),
    });
  } finally {
    await log.close();
    await reached.close();
  }
}

/** Events that the file has yet to apply; at the most one page of the log is looked at. */
async function eventsBehind(source: Source, { checkpoint }: ModelStatus): Promise<number> {
  const categories = [...new Set(source.projections.flatMap((projection) => projection.categories))];
  return (await source.log.readAllAfter(checkpoint?.position, categories)).length;
}

function statusLines(
  status: ModelStatus & { logId: string; head: bigint | undefined; rebuilding: object | null },
  behind: number | undefined,
): string[] {
  const freshness =
    behind === undefined ? '' : behind === 0 ? ', up to date' : `, ${behind} or more events behind`;
  const rebuild = status.rebuilding ? ['Rebuild      one is under way beside it, or was interrupted'] : [];
  return [
    `Log          ${status.logId}, head at position ${status.head ?? 'none'}`,
    `File         ${status.file}, ${size(status.bytes)}`,
    `State        ${strong(status.state)}${freshness}`,
    `Position     ${status.checkpoint?.position ?? 'none'}`,
    `Built from   ${status.checkpoint?.projections ?? 'nothing'}`,
    ...rebuild,
    '',
    ...table(
      ['Table', 'Rows'],
      status.tables.map(({ table: name, rows }) => [name, rows]),
    ),
  ];
}

function verifyLines({ file, drift, tables, events, seconds }: Verification & Named): string[] {
  const rows = tables.map((one) => [
    one.table,
    one.rows,
    one.sha256.slice(0, 16),
    one.sha256 === one.replayed ? 'equal' : `DIFFERS (replayed: ${one.replayed.slice(0, 16)})`,
  ]);
  const verdict =
    drift.length === 0
      ? `${file} is what the log says (${events.toLocaleString('en')} events replayed in ${seconds} s).`
      : `${file} has drifted from the log. It is right again after: dockreg projections rebuild`;
  return [
    ...table(['Table', 'Rows', 'Hash', 'Replay'], rows),
    '',
    ...drift.map(({ table: name, key, kind }) => `First row in ${name}: ${key} ${kind}`),
    verdict,
  ];
}

interface Named {
  readonly file: string;
  readonly seconds: number;
}

function secondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) / 100) / 10;
}
