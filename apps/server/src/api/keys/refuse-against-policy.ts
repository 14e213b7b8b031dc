import { networkIncludes } from '#libs/access';
import { now } from '#libs/platform';
import { countLivingKeys, type ReadModels, type RegistryRow } from '#libs/read-models';
import { policyCheck, type PolicedKey } from '#libs/registries';
import { Problem } from '../http/problems.js';

type Field = 'name' | 'expiresAt' | 'networks';

/**
 * Throws 422 `policy-violated` for what of a key is against its registry's policy. `fields`: what is being decided on; what a
 * key had before the policy was set stays. An expiry that is missing is refused, never put in.
 */
export function refuseAgainstPolicy(
  { policy }: Pick<RegistryRow, 'policy'>,
  key: PolicedKey,
  fields: readonly Field[] = ['name', 'expiresAt', 'networks'],
): void {
  const faults = policyCheck(policy, networkIncludes)(key).filter(({ field }) => fields.includes(field));
  if (faults.length === 0) return;
  throw new Problem('policy-violated', `${faults.map(({ why }) => why).join('; ')}.`, {
    errors: faults.map(({ field, why }) => ({
      pointer: `/${field}`,
      code: 'policy-violated',
      detail: `${why}.`,
    })),
  });
}

/** Throws 422 `policy-violated` when the registry has as many keys that have not ended as its policy allows. */
export function refuseOneMore({ id, policy }: RegistryRow, { database }: ReadModels): void {
  const { maxKeys } = policy;
  if (maxKeys === null || countLivingKeys(database, id, now(), maxKeys) < maxKeys) return;
  throw new Problem('policy-violated', `The registry has ${maxKeys} keys, and its policy allows no more.`);
}
