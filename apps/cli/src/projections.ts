import { existsSync } from 'node:fs';
import { catalogue } from '#libs/catalogue';
import { EventLog, readHead, readLogId } from '#libs/event-store';
import type { Settings } from '#libs/platform';
import {
  API_PROJECTIONS,
  apiModelFile,
  GATE_PROJECTIONS,
  gateModelFile,
  modelStatus,
  NothingToVerify,
  rebuildModels,
  SERVER_PROJECTIONS,
  serverModelFile,
  usageWholeFrom,
  verifyModels,
  type ModelStatus,
  type Projection,
  type Verification,
} from '#libs/read-models';
import { CliError, EXIT } from './cli-error.js';
import { printResult, showing, size, strong, table, type OutputOptions } from './output.js';
import { reachLog } from './reach-log.js';

/** One read-model file of the data directory, and the log that it is built from. */
interface Source {
  readonly file: string;
  readonly log: EventLog;
  readonly logId: string;
  readonly projections: readonly Projection[];
  readonly head: () => Promise<bigint | undefined>;
  readonly agedBefore: number;
}

/** A file belongs to a set of roles, see apps/server/src/models-of-roles.ts. The first is that of a process with all of them. */
const MODELS = [
  { fileIn: serverModelFile, projections: SERVER_PROJECTIONS },
  { fileIn: apiModelFile, projections: API_PROJECTIONS },
  { fileIn: gateModelFile, projections: GATE_PROJECTIONS },
] as const;

/** `dockreg projections status`: what each read-model file holds and how far it is behind the log. Changes nothing. */
export async function projectionsStatus(settings: Settings, options: OutputOptions): Promise<void> {
  await withSources(settings, {}, async (sources, { logId, head }) => {
    const files = await Promise.all(sources.map(statusOf));
    printResult(options, { logId, head, files }, [
      `Log          ${logId}, head at position ${head ?? 'none'}`,
      ...files.flatMap((file, index) => [...(index > 0 ? [''] : []), ...statusLines(file)]),
    ]);
  });
}

async function statusOf(source: Source) {
  const status = modelStatus(source.file, source);
  const beside = modelStatus(`${source.file}.next`, source);
  return {
    ...status,
    position: status.checkpoint?.position,
    eventsBehind: status.state === 'current' ? await eventsBehind(source, status) : undefined,
    rebuilding: beside.checkpoint ? { position: beside.checkpoint.position ?? null } : null,
  };
}

/** `dockreg projections rebuild`: builds each file anew from the log and puts it in the place of the old one. */
export async function projectionsRebuild(settings: Settings, options: OutputOptions): Promise<void> {
  const alone = 'a rebuild replaces the file that it works on (it would also rebuild a bad one by itself)';
  await withSources(settings, { alone }, async (sources) => {
    const files = [];
    for (const source of sources) {
      const startedAt = performance.now();
      const built = await showing('Rebuilding', (onProgress) => rebuildModels({ ...source, onProgress }));
      files.push({ file: source.file, ...built, seconds: secondsSince(startedAt) });
    }
    const lines = files.map(
      ({ file, events, seconds }) =>
        `Rebuilt ${file} from ${events.toLocaleString('en')} events in ${seconds} s.`,
    );
    printResult(options, { files }, lines);
  });
}

/**
 * `dockreg projections verify`: compares each file with a replay of the log. Ends with code 3 when they differ, and fails
 * after the others when there is one that cannot be compared.
 */
export async function projectionsVerify(settings: Settings, options: OutputOptions): Promise<void> {
  await withSources(settings, {}, async (sources) => {
    const found = [];
    const hopeless: NothingToVerify[] = [];
    for (const source of sources) {
      const one = await verified(source);
      if (one instanceof NothingToVerify) hopeless.push(one);
      else found.push(one);
    }
    if (found.length > 0) {
      const lines = found.flatMap((one, index) => [...(index > 0 ? [''] : []), ...verifyLines(one)]);
      printResult(options, { files: found }, lines);
    }
    if (hopeless.length > 0) throw new CliError(hopeless.map(({ message }) => message).join('\n'));
    if (found.some(({ drift }) => drift.length > 0)) process.exitCode = EXIT.drift;
  });
}

async function verified(source: Source): Promise<(Verification & Named) | NothingToVerify> {
  const startedAt = performance.now();
  try {
    const found = await showing('Replaying', (onProgress) => verifyModels({ ...source, onProgress }));
    return { file: source.file, ...found, seconds: secondsSince(startedAt) };
  } catch (error) {
    if (error instanceof NothingToVerify) return error;
    throw error;
  }
}

/** Calls `work` with every read-model file that is there; with that of a process with all roles when there is none. */
async function withSources(
  settings: Settings,
  reach: { alone?: string },
  work: (sources: readonly Source[], at: { logId: string; head: bigint | undefined }) => Promise<void>,
): Promise<void> {
  const reached = await reachLog(settings, reach);
  const log = new EventLog(reached.connectionString, catalogue);
  try {
    const logId = await readLogId(log);
    if (logId === undefined) throw new CliError('The log is empty: no server has started on it yet.');
    const head = () => readHead(reached.connectionString);
    const agedBefore = usageWholeFrom(settings.usageKeptDays, Date.now());
    const sources = MODELS.map(({ fileIn, projections }) => {
      return { file: fileIn(settings.dataDir), log, logId, projections, head, agedBefore };
    });
    const there = sources.filter(({ file }) => existsSync(file) || existsSync(`${file}.next`));
    await work(there.length > 0 ? there : sources.slice(0, 1), { logId, head: await head() });
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

function statusLines(status: Awaited<ReturnType<typeof statusOf>>): string[] {
  const behind = status.eventsBehind;
  const freshness =
    behind === undefined ? '' : behind === 0 ? ', up to date' : `, ${behind} or more events behind`;
  const rebuild = status.rebuilding ? ['Rebuild      one is under way beside it, or was interrupted'] : [];
  return [
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
