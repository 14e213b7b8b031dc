import { percentiles } from '../faults/report.js';
import { Simulation, type RunFigures } from './simulation.js';
import { ONLY_SLOW, type Mutant } from './variant.js';

/** The figures of many runs together. */
export interface Totals {
  readonly runs: number;
  /** Of requests, revocations and what came of them. */
  readonly counts: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly late: readonly string[];
  /** Seeds in which anything was wrong. */
  readonly wrongSeeds: readonly number[];
  readonly healthyMs: readonly number[];
  readonly afterKillMs: readonly number[];
}

/** Whether a run shows that the protocol is broken: it let a revoked key through, said what is not so, or took too long. */
function isWrong({ counts, late }: RunFigures): boolean {
  return counts.violations + counts.falseOutcomes + counts.unavailableInCalm + late.length > 0;
}

/** Runs the seeds `from`, `from` + 1, … */
export function runSeeds(from: number, count: number): Totals {
  const runs = Array.from({ length: count }, (_, index) => new Simulation(from + index).run());
  return {
    runs: count,
    counts: sums(runs.map(({ counts }) => ({ ...counts }))),
    faults: sums(runs.map(({ faults }) => faults)),
    late: runs.flatMap(({ late }) => late),
    wrongSeeds: runs.filter(isWrong).map(({ seed }) => seed),
    healthyMs: runs.flatMap(({ healthyMs }) => healthyMs),
    afterKillMs: runs.flatMap(({ afterKillMs }) => afterKillMs ?? []),
  };
}

/**
 * The first of the seeds 1, 2, … `seedsMax` in which the mutant lets a revoked key through or, if it is only slow, takes too
 * long; undefined when it survives them all.
 */
export function firstSeedThatCatches(mutant: Mutant, seedsMax: number): number | undefined {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const figures = new Simulation(seed, mutant).run();
    if (ONLY_SLOW.has(mutant) ? isWrong(figures) : figures.counts.violations > 0) return seed;
  }
  return undefined;
}

/** A few lines for the reader of the test's output. */
export function describeTotals(
  name: string,
  { runs, counts, faults, healthyMs, afterKillMs }: Totals,
): string {
  return [
    `${name}: ${runs} seeds; ${list(counts)}`,
    `  faults: ${list(faults)}`,
    `  answers in true time when all are well: ${percentiles(healthyMs)}; first one after a gate died: ${percentiles(afterKillMs)}`,
    '',
  ].join('\n');
}

function sums(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
