import { ATTACK_KINDS, attack, type Attack, type AttackKind } from './attacks.js';
import { benignDay, registryNoise } from './benign.js';
import { DAYS, planKey, planRegistry, type KeyPlan, type RegistryPlan } from './keys.js';
import { Random } from './random.js';
import { DAY_MS, type TimedFact } from './use.js';

/** A Monday. */
const FIRST_DAY = Date.parse('2026-01-05T00:00:00.000Z');
const KEYS = 300;
const KEYS_OF_REGISTRY_MAX = 14;
/** Attacks of each kind. */
const ATTACKS_OF_KIND = 8;
/** Repositories that are worth the name of everything. */
const EVERYTHING_MIN = 30;
/** A key is attacked once it has been in use for some time: whoever steals a new one is seen by no habit. */
const USED_DAYS_MIN = 18;

export interface Scenario {
  readonly registries: readonly { readonly plan: RegistryPlan; readonly keys: readonly KeyPlan[] }[];
  readonly attacks: readonly Attack[];
  /** Ids of keys that grant nothing. */
  readonly canaries: ReadonlySet<string>;
  /** The facts of a registry in the order of the log, a day at a time. */
  readonly days: (registry: RegistryPlan) => Generator<readonly TimedFact[]>;
}

/** 300 keys, 90 days, the attacks labelled; the same for the same seed. */
export function scenario(seed: number): Scenario {
  const random = new Random(seed);
  const registries: { plan: RegistryPlan; keys: KeyPlan[] }[] = [];
  for (let left = KEYS; left > 0;) {
    const plan = planRegistry(random, registries.length);
    const count = Math.min(left, random.between(3, KEYS_OF_REGISTRY_MAX));
    registries.push({
      plan,
      keys: Array.from({ length: count }, (_, index) => planKey(random, plan, index)),
    });
    left -= count;
  }
  const attacks = planAttacks(
    random,
    registries.flatMap(({ keys }) => keys),
  );
  const canaries = attacks.filter(({ kind }) => kind === 'canary touched').map(({ key }) => key!);
  return {
    registries,
    attacks,
    canaries: new Set(canaries),
    days: (plan) =>
      daysOf(
        seed,
        registries.find((one) => one.plan === plan)!,
        attacks,
        new Set(canaries),
      ),
  };
}

/** Each on a key of its own, at any hour; half of them when its owner works. */
function planAttacks(random: Random, keys: readonly KeyPlan[]): Attack[] {
  const free = [...keys];
  /** Two on one registry in a day would be one alert. */
  const guessed = new Set<RegistryPlan>();
  const kinds = ATTACK_KINDS.flatMap((kind) => Array.from({ length: ATTACKS_OF_KIND }, () => kind));
  return kinds.flatMap((kind) => {
    const fitting = free.filter(
      (key) => fits(kind, key) && !(kind === 'secrets guessed' && guessed.has(key.registry)),
    );
    if (fitting.length === 0) return [];
    const key = random.pick(fitting);
    free.splice(free.indexOf(key), 1);
    if (kind === 'secrets guessed') guessed.add(key.registry);
    const day = random.between(key.born + USED_DAYS_MIN, DAYS - 2);
    const hour = random.chance(0.5)
      ? random.between(...(key.workday as [number, number]))
      : random.between(0, 23);
    return [
      attack(random, kind, key, FIRST_DAY + day * DAY_MS + (hour * 60 + random.between(0, 59)) * 60_000),
    ];
  });
}

function fits(kind: AttackKind, { kind: of, registry, repositories }: KeyPlan): boolean {
  if (kind === 'sleeping key woken') return of === 'rare';
  if (kind === 'runner taken over') return of === 'own-runner' || of === 'hosted-ci';
  // Whoever pulls what the key pulls every night has broken no habit.
  if (kind.startsWith('everything pulled')) {
    return registry.repositories >= EVERYTHING_MIN && repositories.length <= registry.repositories / 2;
  }
  if (kind === 'read key pushes')
    return of === 'cluster' || of === 'scanner' || of === 'fleet' || of === 'mirror';
  const writes = kind === 'pushes in volume' || kind === 'one backdoor pushed' || kind === 'images deleted';
  return !writes || ['hosted-ci', 'own-runner', 'developer', 'rare'].includes(of);
}

function* daysOf(
  seed: number,
  { plan, keys }: { plan: RegistryPlan; keys: readonly KeyPlan[] },
  attacks: readonly Attack[],
  canaries: ReadonlySet<string>,
): Generator<readonly TimedFact[]> {
  const random = new Random(seed).fork(Number(plan.id.slice('reg_'.length)) + 1000);
  const ofRegistry = attacks.filter(({ registry }) => registry === plan.id).flatMap(({ facts }) => facts);
  for (let day = 0; day < DAYS; day += 1) {
    const midnight = FIRST_DAY + day * DAY_MS;
    const facts = keys.flatMap((key) => (canaries.has(key.id) ? [] : benignDay(random, key, day, midnight)));
    facts.push(...registryNoise(random, plan, midnight));
    facts.push(...ofRegistry.filter(({ time }) => time >= midnight && time < midnight + DAY_MS));
    yield facts.sort((a, b) => a.time - b.time);
  }
}
