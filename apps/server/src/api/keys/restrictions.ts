import { networkProblem, normalizeNetwork, repositoryPatternProblem } from '#libs/access';
import { IsList } from '../http/fields.js';
import { Problem, type FieldProblem } from '../http/problems.js';

/** A gate may try each of them at each request of the key. Whoever needs more means a pattern, or a larger network. */
const ENTRIES_MAX = 100;
/** A caller can act on this many faults. */
const FAULTS_MAX = 20;

export function IsRepositories(): PropertyDecorator {
  const description =
    'Repositories that the key reaches, as names or patterns: `team/api`, `team/*` (one level), `team/**` (any depth). Empty or null: all of the registry.';
  return IsList({ max: ENTRIES_MAX, optional: true, description });
}

export function IsNetworks(): PropertyDecorator {
  const description =
    'Networks from which the key is accepted, in CIDR notation, or single addresses. Empty or null: all.';
  return IsList({ max: ENTRIES_MAX, optional: true, description });
}

/** The fields of a body, of which only the form of a list was checked. */
interface Wanted {
  readonly repositories?: readonly unknown[] | null;
  readonly networks?: readonly unknown[] | null;
}

/** Checked, and in the form in which they are stored. */
interface Restrictions {
  readonly repositories?: readonly string[];
  readonly networks?: readonly string[];
}

/** What one list may hold: why an entry cannot be in it, and the one form of an entry that can. */
interface Kind {
  readonly problem: (text: string) => string | undefined;
  readonly normal: (text: string) => string;
}

const KINDS: Readonly<Record<keyof Restrictions, Kind>> = {
  repositories: { problem: repositoryPatternProblem, normal: (text) => text },
  networks: { problem: networkProblem, normal: normalizeNetwork },
};

/**
 * The restrictions that the body names, in their normal form; null and an empty list are the empty one. Throws 400 with a
 * fault at each entry that is none, or that says the same as an earlier one.
 */
export function restrictions({ repositories, networks }: Wanted): Restrictions {
  const faults: FieldProblem[] = [];
  const checked = {
    ...(repositories !== undefined && { repositories: entries('repositories', repositories ?? [], faults) }),
    ...(networks !== undefined && { networks: entries('networks', networks ?? [], faults) }),
  };
  if (faults.length === 0) return checked;
  const detail = faults
    .slice(0, 3)
    .map((fault) => fault.detail)
    .join(' ');
  throw new Problem('invalid-request', detail, { errors: faults.slice(0, FAULTS_MAX) });
}

function entries(field: keyof Restrictions, list: readonly unknown[], faults: FieldProblem[]): string[] {
  const normal = new Map<string, number>();
  for (const [index, entry] of list.entries()) {
    const checked = checkedEntry(KINDS[field], entry, normal);
    if ('fault' in checked) {
      const detail = `${field}[${index}]: ${checked.fault}.`;
      faults.push({ pointer: `/${field}/${index}`, code: 'invalid-value', detail });
    } else normal.set(checked.text, index);
  }
  return [...normal.keys()];
}

function checkedEntry(
  { problem, normal }: Kind,
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
