import { setImmediate as nextTurn } from 'node:timers/promises';
import { networkIncludes } from '#libs/access';
import { countLivingKeys, livingKeys, type KeyRow, type ReadModels } from '#libs/read-models';
import { policyCheck, type PolicyFault, type RegistryPolicy } from '#libs/registries';

/** Keys read at once. */
const PAGE = 500;
/** One turn of the event loop: a pattern may take some milliseconds for a long name. */
const TURN_MS = 5;

/** A key that is against a policy. */
export interface BrokenKey {
  readonly id: string;
  readonly name: string;
  readonly why: readonly PolicyFault[];
  readonly born: bigint;
}

export interface PolicyBreaks {
  /** Keys of the registry that have not ended. */
  readonly livingKeys: number;
  /** How many of them are against the policy. */
  readonly count: number;
  /** Those born after the position asked for, in the order of birth, at most `limit`. */
  readonly keys: readonly BrokenKey[];
}

/** Looks through all living keys of a registry at `now` (RFC 3339) by a policy, and gives the event loop its turns. */
export async function policyBreaks(
  readModels: ReadModels,
  registry: string,
  policy: RegistryPolicy,
  now: string,
  { after, limit }: { readonly after: bigint; readonly limit: number },
): Promise<PolicyBreaks> {
  const check = policyCheck(policy, networkIncludes);
  const broken: BrokenKey[] = [];
  let count = 0;
  let last = -1n;
  let turn = performance.now();
  for (;;) {
    const page: KeyRow[] = livingKeys(readModels.database, registry, now, last, PAGE);
    for (const key of page) {
      last = key.born;
      if (performance.now() - turn > TURN_MS) {
        await nextTurn();
        turn = performance.now();
      }
      const why = check(key);
      if (why.length === 0) continue;
      count++;
      if (key.born > after && broken.length < limit)
        broken.push({ id: key.id, name: key.name, why, born: key.born });
    }
    if (page.length < PAGE) break;
  }
  const living = countLivingKeys(readModels.database, registry, now, Number.MAX_SAFE_INTEGER);
  return { livingKeys: living, count, keys: broken };
}
