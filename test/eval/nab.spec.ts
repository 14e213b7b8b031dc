import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { nabScore } from './nab-score.js';
import type { ScoredRow, Window } from './nab-series.js';
import { DETECTOR, evaluate } from './nab.js';

const START = Date.parse('2026-01-05T00:00:00.000Z');
const STEP = 600_000;
const ROWS = 6 * 24 * 28;
/** In the fourth week, three hours long. */
const [FROM, UNTIL] = [6 * 24 * 23, 6 * 24 * 23 + 18];

const stamp = (at: number) => new Date(START + at * STEP).toISOString().slice(0, 19).replace('T', ' ');
/** By day 60 and more, at night 20, as a wave; with a peak where `high` says. */
function file(high: (at: number) => boolean): string {
  const rows = Array.from({ length: ROWS }, (_, at) => {
    const value = 50 - 30 * Math.cos((2 * Math.PI * at) / 144) + ((at * 7919) % 13) + (high(at) ? 900 : 0);
    return `${stamp(at)},${value.toFixed(3)}`;
  });
  return ['timestamp,value', ...rows].join('\n');
}

describe('npm run eval:nab', () => {
  it("reads NAB's files, finds a peak, and writes its result files", () => {
    const { path, remove } = temporaryDirectory();
    mkdirSync(join(path, 'data/made'), { recursive: true });
    mkdirSync(join(path, 'labels'));
    writeFileSync(
      join(path, 'data/made/peak.csv'),
      file((at) => at >= FROM && at <= UNTIL),
    );
    writeFileSync(
      join(path, 'data/made/quiet.csv'),
      file(() => false),
    );
    const window = [`${stamp(FROM)}.000000`, `${stamp(UNTIL)}.000000`];
    const labels = { 'made/peak.csv': [window], 'made/quiet.csv': [] };
    writeFileSync(join(path, 'labels/combined_windows.json'), JSON.stringify(labels));
    const scores = evaluate(path);
    expect(scores.get('made')!.score).toBeGreaterThan(95);
    const lines = readFileSync(join(path, `results/${DETECTOR}/made/${DETECTOR}_peak.csv`), 'utf8')
      .trim()
      .split('\n');
    expect(lines[0]).toBe('timestamp,value,anomaly_score,label');
    expect(lines).toHaveLength(ROWS + 1);
    expect(lines[FROM + 1]).toMatch(/^2026-01-28 00:00:00,[\d.]+,1,1$/);
    expect(lines.filter((line) => line.endsWith(',1'))).toHaveLength(UNTIL - FROM + 1);
    remove();
  });
});

describe("NAB's score", () => {
  const windows: Window[] = [['2026-01-05 08:20:00.000000', '2026-01-05 10:00:00.000000']];
  const rows = (...told: number[]): ScoredRow[] =>
    Array.from({ length: 100 }, (_, at) => ({
      timestamp: stamp(at),
      value: 0,
      score: told.includes(at) ? 1 : 0,
      label: 0,
    }));

  it('is 100 for every window found at its start and nothing else, and 0 for nothing', () => {
    expect(nabScore([{ rows: rows(50), windows }]).score).toBeCloseTo(100, 0);
    expect(nabScore([{ rows: rows(), windows }]).score).toBe(0);
  });

  it('is less for a late alarm, and for a false one', () => {
    const [early, late, noisy] = [rows(50), rows(59), rows(50, 30, 90)].map(
      (one) => nabScore([{ rows: one, windows }]).score,
    ) as [number, number, number];
    expect(late).toBeLessThan(early - 10);
    // Two false alarms of weight 0.11, of the two points that lie between nothing and all of one window.
    expect(early - noisy).toBeCloseTo(11, 0);
  });
});
