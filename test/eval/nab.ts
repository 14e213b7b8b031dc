/**
 * npm run eval:nab -- DIR: DIR is a copy of the Numenta Anomaly Benchmark, of which `data/` and `labels/combined_windows.json`
 * are read. Writes `results/dockregVolume/…` beside them, as NAB reads them, and prints the score of the standard profile.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nabScore, type Series } from './nab-score.js';
import { parseRows, resultFile, scoreRows, type Window } from './nab-series.js';

export const DETECTOR = 'dockregVolume';

/** Scores every file of `directory`; returns NAB's score, by folder of data and of all. */
export function evaluate(directory: string): ReadonlyMap<string, ReturnType<typeof nabScore>> {
  const labels = JSON.parse(readFileSync(join(directory, 'labels/combined_windows.json'), 'utf8')) as Record<
    string,
    Window[]
  >;
  const files = readdirSync(join(directory, 'data'), { recursive: true, encoding: 'utf8' }).filter((one) =>
    one.endsWith('.csv'),
  );
  const series = new Map<string, Series[]>();
  for (const file of files.sort()) {
    const windows = labels[file] ?? [];
    const rows = scoreRows(parseRows(readFileSync(join(directory, 'data', file), 'utf8')), windows);
    const folder = dirname(file);
    const name = file.slice(folder.length + 1);
    const target = join(directory, 'results', DETECTOR, folder, `${DETECTOR}_${name}`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, resultFile(rows));
    series.set(folder, [...(series.get(folder) ?? []), { rows, windows }]);
  }
  const all = [...series.values()].flat();
  return new Map([
    ...[...series].map(([folder, some]) => [folder, nabScore(some)] as const),
    ['all', nabScore(all)],
  ]);
}

function main(): void {
  const directory = process.argv[2];
  if (!directory) {
    console.error('npm run eval:nab -- DIR: the folder that has data/ and labels/combined_windows.json');
    process.exitCode = 1;
    return;
  }
  for (const [folder, { score, threshold }] of evaluate(directory)) {
    console.log(`${folder.padEnd(30)} ${score.toFixed(1).padStart(6)}  at threshold ${threshold.toFixed(3)}`);
  }
}

if (process.argv[1]?.endsWith('nab.js')) main();
