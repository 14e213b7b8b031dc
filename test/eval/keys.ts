import { type Random } from './random.js';
import {
  otherCloud,
  otherCountry,
  otherRegion,
  someCloud,
  someCountry,
  someIsp,
  someShadyHoster,
  type Operator,
} from './world.js';

/** Kinds of keys, and how many of a hundred are of each. */
const KINDS = {
  'hosted-ci': 24,
  'own-runner': 19,
  cluster: 21,
  developer: 16,
  scanner: 5,
  mirror: 4,
  fleet: 4,
  rare: 7,
} as const;
export type KeyKind = keyof typeof KINDS;

/** From `from` on the key is used from there; with several at the same time, from any of them. */
export interface Stay {
  readonly from: number;
  readonly until: number;
  readonly operators: readonly Operator[];
}

export interface KeyPlan {
  readonly id: string;
  readonly kind: KeyKind;
  readonly registry: RegistryPlan;
  /** First day of use. */
  readonly born: number;
  /** Builds, deployments, sessions … in a busy hour. */
  readonly rate: number;
  readonly spread: number;
  /** Hours of the day, UTC, in which it is busy. */
  readonly workday: readonly [from: number, until: number];
  readonly stays: readonly Stay[];
  /** Numbers of the networks that it has at each operator. */
  readonly networks: readonly number[];
  readonly clients: readonly string[];
  /** From this day on the last of `clients` is used too. */
  readonly newClientDay: number;
  /** Repositories of the registry that it uses, by number; the last `late` come at `lateDay`. */
  readonly repositories: readonly number[];
  readonly late: number;
  readonly lateDay: number;
  /** The rate grows by this factor on this day: another pipeline uses the key. */
  readonly growth: number;
  readonly growthDay: number;
  readonly daysOff: readonly [from: number, until: number];
  readonly expectedCountries: readonly string[];
}

export interface RegistryPlan {
  readonly id: string;
  readonly home: string;
  readonly cloud: Operator;
  readonly office: Operator;
  readonly repositories: number;
  readonly releaseDay: number;
  /** All keys in the cloud move to another one from this day on. */
  readonly moveDay: number;
  readonly movesTo: Operator;
}

export const DAYS = 90;
/** Share of the other keys that use every repository of the registry. */
const WIDE_SHARE = 0.12;
/** Never, within the scenario. */
const NEVER = DAYS + 1;

export function planRegistry(random: Random, number: number): RegistryPlan {
  const home = someCountry(random);
  const cloud = someCloud(random, random.chance(0.7) ? home : undefined);
  return {
    id: `reg_${number}`,
    home,
    cloud,
    office: someIsp(random, home),
    repositories: Math.round(12 * random.lognormal(0.9)) + 6,
    releaseDay: random.between(0, 13),
    moveDay: random.chance(0.1) ? random.between(10, DAYS - 1) : NEVER,
    movesTo: otherCloud(random, cloud, random.chance(0.7)),
  };
}

export function planKey(random: Random, registry: RegistryPlan, number: number): KeyPlan {
  const kind = random.weighted(KINDS);
  const born = random.chance(0.75) ? 0 : random.between(1, 50);
  const stays = staysOf(random, registry, kind);
  const count = registry.repositories;
  const isWide = kind === 'scanner' || kind === 'mirror' || random.chance(WIDE_SHARE);
  const size = isWide ? count : Math.min(count, 2 + random.between(0, 9));
  const first = random.between(0, count - 1);
  const late = random.chance(0.4) ? random.between(1, 3) : 0;
  const workFrom = random.between(5, 13);
  return {
    id: `drk_${registry.id}_${number}`,
    kind,
    registry,
    born,
    rate: RATES[kind] * random.lognormal(0.7),
    spread: 0.3 + 0.5 * random.next(),
    workday: [workFrom, workFrom + random.between(8, 11)],
    stays,
    networks: Array.from({ length: random.between(1, 3) }, () => random.between(0, 2999)),
    clients: clientsOf(random, kind),
    newClientDay: random.chance(0.2) ? random.between(0, DAYS) : NEVER,
    repositories: Array.from({ length: size }, (_, index) => (first + index) % count),
    late: Math.min(late, size - 1),
    lateDay: late > 0 ? random.between(5, DAYS) : 0,
    growth: 1.5 + 1.5 * random.next(),
    growthDay: random.chance(0.25) ? random.between(10, DAYS) : NEVER,
    daysOff: daysOffOf(random, kind),
    expectedCountries: expectedOf(random, kind, stays),
  };
}

const RATES: Readonly<Record<KeyKind, number>> = {
  'hosted-ci': 4, 'own-runner': 5, 'cluster': 4, 'developer': 1.2, 'scanner': 20, 'mirror': 20, 'fleet': 10, 'rare': 1,
}; // prettier-ignore

function staysOf(random: Random, registry: RegistryPlan, kind: KeyKind): Stay[] {
  const { cloud, home, office, moveDay, movesTo } = registry;
  const always = (operators: Operator[]): Stay[] => [{ from: 0, until: NEVER, operators }];
  if (kind === 'hosted-ci') return hostedStays(random, registry);
  if (kind === 'fleet') {
    const countries = [home, ...Array.from({ length: random.between(1, 6) }, () => someCountry(random))];
    return always(countries.flatMap((country) => [someIsp(random, country), someIsp(random, country)]));
  }
  if (kind === 'developer') return developerStays(random, registry);
  if (kind === 'rare') return always([random.chance(0.5) ? office : cloud]);
  const regions = kind === 'cluster' && random.chance(0.25) ? [cloud, otherRegion(random, cloud)] : [cloud];
  if (moveDay <= DAYS) return movesAt(random, moveDay + random.between(0, 4), regions, [movesTo]);
  if (!random.chance(0.08)) return always(regions);
  return movesAt(random, random.between(10, DAYS), regions, [otherRegion(random, cloud)]);
}

/** The old place is left at once, or within two days. */
function movesAt(random: Random, day: number, before: Operator[], after: Operator[]): Stay[] {
  const overlap = random.chance(0.4) ? random.between(0, 48) / 24 : 0;
  return [
    { from: 0, until: day + overlap, operators: before },
    { from: day, until: NEVER, operators: after },
  ];
}

/** Some pipelines leave the hosted runners for machines of their own. */
function hostedStays(random: Random, { cloud }: RegistryPlan): Stay[] {
  const hosted = [{ asn: 8075, country: 'US', networks: 3000 }];
  if (!random.chance(0.06)) return [{ from: 0, until: NEVER, operators: hosted }];
  return movesAt(random, random.between(10, DAYS), hosted, [cloud]);
}

/** Home, office and phone, now and then a virtual private network; some journeys, on which nobody is at home. */
function developerStays(random: Random, { home, office }: RegistryPlan): Stay[] {
  const lives = random.chance(0.85) ? home : someCountry(random);
  const usual = [someIsp(random, lives), random.chance(0.6) ? office : someIsp(random, lives)];
  if (random.chance(0.5)) usual.push(someIsp(random, lives));
  if (random.chance(0.1)) usual.push(someShadyHoster(random));
  const stays: Stay[] = [];
  let from = 0;
  const journeys = random.poisson(0.5);
  for (let journey = 0; journey < journeys; journey += 1) {
    const day = from + random.between(8, 60) + 0.5;
    if (day >= DAYS) break;
    const back = day + random.between(2, 9);
    stays.push({ from, until: day, operators: usual });
    const abroad = random.chance(0.5) ? otherCountry(random, lives) : lives;
    stays.push({ from: day + 0.4, until: back, operators: [someIsp(random, abroad)] });
    from = back + 0.4;
  }
  return [...stays, { from, until: NEVER, operators: usual }];
}

/** The last one only comes later, when the team changes its tools. */
function clientsOf(random: Random, kind: KeyKind): string[] {
  const tools = [
    'docker',
    'buildkit',
    'skopeo',
    'crane',
    'kaniko',
    'buildah',
    'helm',
    'cosign',
    'trivy',
    'podman',
  ];
  const usual: Readonly<Record<KeyKind, string[]>> = {
    'hosted-ci': ['docker', 'buildkit'],
    'own-runner': [random.pick(['docker', 'kaniko', 'buildah'])],
    cluster: ['containerd'],
    developer: [random.pick(['docker', 'docker', 'podman'])],
    scanner: ['trivy'],
    mirror: [random.pick(['skopeo', 'regclient'])],
    fleet: ['docker', 'containerd'],
    rare: ['docker'],
  };
  return [...usual[kind], random.pick(tools)];
}

function daysOffOf(random: Random, kind: KeyKind): [number, number] {
  const isOff = kind === 'developer' ? random.chance(0.7) : random.chance(0.05);
  const from = isOff ? random.between(5, DAYS) : NEVER;
  return [from, from + random.between(5, 20)];
}

/** Declared by some of those who run machines; nine of ten keep it up to date when they move. */
function expectedOf(random: Random, kind: KeyKind, stays: readonly Stay[]): string[] {
  const declares = ['own-runner', 'cluster', 'mirror', 'scanner'].includes(kind) && random.chance(0.3);
  if (!declares) return [];
  const kept = random.chance(0.9) ? stays : stays.slice(0, 1);
  return [...new Set(kept.flatMap(({ operators }) => operators.map(({ country }) => country)))];
}
