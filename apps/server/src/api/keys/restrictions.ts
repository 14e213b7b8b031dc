import { repositoryPatternProblem } from '#libs/access';
import { checkedList, COUNTRY, NETWORK, refuseFaults, type EntryKind } from '../http/entry-lists.js';
import { IsList } from '../http/fields.js';
import type { FieldProblem } from '../http/problems.js';

/** A gate may try each of them at each request of the key. Whoever needs more means a pattern, or a larger network. */
const ENTRIES_MAX = 100;

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

export function IsCountries(): PropertyDecorator {
  const description =
    'Countries (ISO 3166-1 alpha-2, such as DE) from which its use is expected: use from elsewhere raises alerts sooner. Restricts nothing. Empty or null: those of the registry, or whatever its habits are.';
  return IsList({ max: ENTRIES_MAX, optional: true, description });
}

/** The fields of a body, of which only the form of a list was checked. */
interface Wanted {
  readonly repositories?: readonly unknown[] | null;
  readonly networks?: readonly unknown[] | null;
  readonly expectedCountries?: readonly unknown[] | null;
}

/** Checked, and in the form in which they are stored. */
interface Restrictions {
  readonly repositories?: readonly string[];
  readonly networks?: readonly string[];
  readonly expectedCountries?: readonly string[];
}

const KINDS: Readonly<Record<keyof Restrictions, EntryKind>> = {
  repositories: { problem: repositoryPatternProblem, normal: (text) => text },
  networks: NETWORK,
  expectedCountries: COUNTRY,
};

/**
 * The restrictions that the body names, in their normal form; null and an empty list are the empty one. Throws 400 with a
 * fault at each entry that is none, or that says the same as an earlier one.
 */
export function restrictions({ repositories, networks, expectedCountries }: Wanted): Restrictions {
  const faults: FieldProblem[] = [];
  const entries = (field: keyof Restrictions, list: readonly unknown[] | null) =>
    checkedList(KINDS[field], field, list ?? [], faults);
  const checked = {
    ...(repositories !== undefined && { repositories: entries('repositories', repositories) }),
    ...(networks !== undefined && { networks: entries('networks', networks) }),
    ...(expectedCountries !== undefined && {
      expectedCountries: entries('expectedCountries', expectedCountries),
    }),
  };
  refuseFaults(faults);
  return checked;
}
