import type { RegistryRow } from '#libs/read-models';
import { PLANS, type Plan } from '#libs/registries';
import { Problem } from './problems.js';

/**
 * Throws 403 `plan-required` unless the registry has this plan or a larger one. `feature` begins the sentence that says what it
 * is for, such as `Automatic rotation`. Declare the problem at the route.
 */
export function requirePlan(
  { plan, slug }: Pick<RegistryRow, 'plan' | 'slug'>,
  needed: Plan,
  feature: string,
): void {
  const order: readonly string[] = PLANS;
  if (order.indexOf(plan) >= order.indexOf(needed)) return;
  throw new Problem(
    'plan-required',
    `${feature} needs the plan ${needed}, and the registry ${slug} has ${plan}: an administrator upgrades it with PUT /v1/registries/${slug}/plan.`,
  );
}
