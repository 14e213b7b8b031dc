import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  applyPage,
  categoriesOf,
  createIndexes,
  createModelFile,
  goOn,
  isDamage,
  nextFile,
  openMatching,
  removeModelFile,
  swapIn,
  type ModelFile,
  type ModelSource,
} from './model-file.js';
import { pagesAfter, ReplayMeter, type ReplayProgress } from './replay.js';

/** The file beside the old one: of a build that was interrupted when it is of any use, else with empty tables. */
export async function openBeside(file: string, source: ModelSource): Promise<ModelFile> {
  return (await openMatching(nextFile(file), source)) ?? createModelFile(nextFile(file), source);
}

/** Brings the file beside up to the end of the log and puts it in the place of the old one. `onPage` may throw to end it. */
export async function build(
  beside: ModelFile,
  file: string,
  source: ModelSource,
  onPage: (events: number) => void,
): Promise<ModelFile> {
  const { log, projections } = source;
  try {
    for await (const page of pagesAfter(log, beside.checkpoint.position, categoriesOf(projections))) {
      applyPage(beside, projections, page);
      onPage(page.length);
    }
    while (goOn(beside, projections)) await nextTurn();
    createIndexes(beside, projections);
    return swapIn(beside, file);
  } catch (error) {
    // Going on with it would fail again at every start.
    if (isDamage(error)) removeModelFile(beside.database.file);
    throw error;
  }
}

/**
 * Builds a read-model file anew from the log, also when the old one is good. No server may be using it: the caller holds
 * the data directory. Goes on with a build that was interrupted. Answers the position it stands at and the events applied.
 */
export async function rebuildModels(
  source: ModelSource & {
    readonly file: string;
    readonly head?: () => Promise<bigint | undefined>;
    readonly onProgress?: (progress: ReplayProgress) => void;
  },
): Promise<{ position: bigint | undefined; events: number }> {
  const { file, head, onProgress } = source;
  const meter = new ReplayMeter(onProgress && (await head?.().catch(() => undefined)), onProgress);
  const beside = await openBeside(file, source);
  let events = 0;
  const built = await build(beside, file, source, (applied) => {
    events += applied;
    meter.applied(applied, beside.checkpoint.position!);
  });
  built.database.close();
  return { position: built.checkpoint.position, events };
}
