import { networkProblem, normalizeNetwork } from '#libs/access';
import { Problem, type FieldProblem } from './problems.js';

/** Why an entry cannot be in a list, and the one form of an entry that can. */
export interface EntryKind {
  readonly problem: (text: string) => string | undefined;
  readonly normal: (text: string) => string;
}

export const NETWORK: EntryKind = { problem: networkProblem, normal: normalizeNetwork };

/** ISO 3166-1 alpha-2, in either case. */
export const COUNTRY: EntryKind = {
  problem: (text) =>
    /^[A-Za-z]{2}$/.test(text) ? undefined : 'a country is its two letters of ISO 3166-1, such as DE',
  normal: (text) => text.toUpperCase(),
};

/** A caller can act on this many faults. */
const FAULTS_MAX = 20;

/** Entries in their normal form. Adds a fault for each that is none, or that says the same as an earlier one. */
export function checkedList(
  kind: EntryKind,
  field: string,
  list: readonly unknown[],
  faults: FieldProblem[],
): string[] {
  const normal = new Map<string, number>();
  for (const [index, entry] of list.entries()) {
    const checked = checkedEntry(kind, entry, normal);
    if ('fault' in checked) {
      const detail = `${field}[${index}]: ${checked.fault}.`;
      faults.push({ pointer: `/${field}/${index}`, code: 'invalid-value', detail });
    } else normal.set(checked.text, index);
  }
  return [...normal.keys()];
}

/** Throws 400 when there are faults. */
export function refuseFaults(faults: readonly FieldProblem[]): void {
  if (faults.length === 0) return;
  const detail = faults
    .slice(0, 3)
    .map((fault) => fault.detail)
    .join(' ');
  throw new Problem('invalid-request', detail, { errors: faults.slice(0, FAULTS_MAX) });
}

/** Networks in their normal form. Throws 400 with a fault at each entry that is none. */
export function networkList(field: string, list: readonly unknown[]): string[] {
  const faults: FieldProblem[] = [];
  const networks = checkedList(NETWORK, field, list, faults);
  refuseFaults(faults);
  return networks;
}

function checkedEntry(
  { problem, normal }: EntryKind,
  entry: unknown,
  earlier: ReadonlyMap<string, number>,
): { text: string } | { fault: string } {
  if (typeof entry !== 'string') return { fault: 'this must be text' };
  const fault = problem(entry);
  if (fault !== undefined) return { fault };
  const text = normal(entry);
  const same = earlier.get(text);
  return same === undefined ? { text } : { fault: `this is the same as [${same}]` };
}
