import type { DrillReport } from './revocation-drill.js';

/** One line of figures for the reader of the test's output. */
export function describeDrill(name: string, { figures, durations, faults }: DrillReport): string {
  const all = Object.entries(figures).map(([what, count]) => `${what} ${count}`);
  const happened = Object.entries(faults).map(([fault, count]) => `${fault} ${count}`);
  const quick = percentiles(durations.map(({ milliseconds }) => milliseconds));
  return `${name}: ${durations.length} revocations, ${all.join(', ')}; faults: ${happened.join(', ') || 'none'}; answer ${quick}\n`;
}

/** `p50 4.1 ms, p99 11.0 ms, max 12.2 ms` */
export function percentiles(values: readonly number[]): string {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return `p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`;
}
