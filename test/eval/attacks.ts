import type { Place } from '#libs/usage';
import type { KeyPlan } from './keys.js';
import type { Random } from './random.js';
import { HOUR_MS, MINUTE_MS, recorded, refused, type TimedFact } from './use.js';
import {
  otherCountry,
  otherRegion,
  personAt,
  placeAt,
  someCloud,
  someIsp,
  someShadyHoster,
  type Operator,
} from './world.js';

/** What somebody does who should not, and whether one fact proves it. */
export const ATTACKS = {
  'revoked key used': 'exact',
  'expired key used': 'exact',
  'read key pushes': 'exact',
  'canary touched': 'exact',
  'secrets guessed': 'exact',
  'pushes in volume': 'behaviour',
  'one backdoor pushed': 'behaviour',
  'everything pulled at once': 'behaviour',
  'everything pulled by an insider': 'behaviour',
  'pulled slowly': 'behaviour',
  'sleeping key woken': 'behaviour',
  'used beside its owner': 'behaviour',
  'leaked to the public': 'behaviour',
  'runner taken over': 'behaviour',
  'images deleted': 'behaviour',
  'rights probed': 'behaviour',
  'from the next town': 'behaviour',
} as const;
export type AttackKind = keyof typeof ATTACKS;
export const ATTACK_KINDS = Object.keys(ATTACKS) as AttackKind[];

export interface Attack {
  readonly kind: AttackKind;
  readonly registry: string;
  /** null: on the registry. */
  readonly key: string | null;
  /** When the first request of it came. */
  start: number;
  end: number;
  readonly facts: TimedFact[];
}

/** The tools of thieves; two of five have the one that the key is used with. */
const TOOLS = ['docker', 'docker', 'skopeo', 'crane', 'containerd', 'curl', 'python', 'go', 'regclient'];

/** One attack from `start` on. */
export function attack(random: Random, kind: AttackKind, key: KeyPlan, start: number): Attack {
  const plan = new Plan(random, kind, key, start);
  SCRIPTS[kind](plan, random);
  plan.attack.facts.sort((a, b) => a.time - b.time);
  plan.attack.start = plan.attack.facts[0]!.requested;
  plan.attack.end = plan.attack.facts.at(-1)!.time;
  return plan.attack;
}

class Plan {
  readonly attack: Attack;
  readonly place: Place;
  readonly client: string;

  constructor(
    private readonly random: Random,
    kind: AttackKind,
    readonly key: KeyPlan,
    start: number,
  ) {
    const isOnRegistry = kind === 'secrets guessed';
    const id = isOnRegistry ? null : key.id;
    this.attack = { kind, registry: key.registry.id, key: id, start, end: start, facts: [] };
    this.place = thiefsPlace(random, key, kind === 'from the next town');
    this.client = random.chance(0.4) ? key.clients[0]! : random.pick(TOOLS);
  }

  /** From the thief's place unless another is named. */
  use(
    after: number,
    pulls: number,
    pushes: number,
    names: readonly string[],
    more: { place?: Place; client?: string; deletes?: number } = {},
  ): void {
    const { place = this.place, client = this.client, deletes = 0 } = more;
    const [registry, time] = [this.key.registry.id, this.attack.start + after];
    this.attack.facts.push(
      recorded({ registry, key: this.key.id, time, place, client, repositories: names, pulls, pushes, deletes, size: this.random.lognormal(0.6) }),
    ); // prettier-ignore
  }

  refuse(
    after: number,
    refusal: Partial<Parameters<typeof refused>[0]> & { reason: Parameters<typeof refused>[0]['reason'] },
  ): void {
    const usual = {
      registry: this.key.registry.id,
      key: this.key.id,
      proven: true,
      place: this.place,
      client: this.client,
      count: 1,
    };
    this.attack.facts.push(refused({ ...usual, time: this.attack.start + after, ...refusal }));
  }

  name(number: number): string {
    return `${this.key.registry.id}/r${number}`;
  }

  /** One that the key is used for, or any of the registry. */
  target(): string {
    const { repositories, registry } = this.key;
    return this.name(
      this.random.chance(0.6)
        ? this.random.pick(repositories)
        : this.random.between(0, registry.repositories - 1),
    );
  }

  /** Where its owner uses it. */
  home(): Place {
    const { stays, networks } = this.key;
    const day = stays.filter(({ from }) => from <= 20);
    return placeAt(this.random.pick(day.at(-1)!.operators), networks[0]!);
  }
}

/** Hosters most of all, other people's homes, the clouds that everybody rents, and sometimes the country of the victim. */
function thiefsPlace(random: Random, key: KeyPlan, isNear: boolean): Place {
  const { home, cloud } = key.registry;
  if (isNear) return personAt(random, someIsp(random, home), random.between(0, 2999));
  const operators: Readonly<Record<string, () => Operator>> = {
    shady: () => someShadyHoster(random),
    home: () => someIsp(random, otherCountry(random, home)),
    cloud: () => someCloud(random),
    sameCloud: () => otherRegion(random, cloud),
    sameCountry: () => someIsp(random, home),
  };
  const kind = random.weighted({ shady: 40, home: 25, cloud: 15, sameCloud: 8, sameCountry: 12 });
  return placeAt(operators[kind]!(), random.between(0, 2999));
}

const SCRIPTS: Readonly<Record<AttackKind, (plan: Plan, random: Random) => void>> = {
  'revoked key used': (plan, random) => {
    for (let count = random.between(1, 5); count > 0; count -= 1) plan.refuse(random.between(0, HOUR_MS), { reason: 'revoked' });
  },
  'expired key used': (plan, random) => {
    for (let count = random.between(1, 5); count > 0; count -= 1) plan.refuse(random.between(0, HOUR_MS), { reason: 'expired' });
  },
  'read key pushes': (plan, random) => {
    for (let count = random.between(1, 3); count > 0; count -= 1) {
      plan.refuse(random.between(0, HOUR_MS), { reason: 'not_permitted', denied: 'permission', action: 'push', repository: plan.target() });
    }
  },
  'canary touched': (plan) => plan.refuse(0, { reason: 'not_permitted', denied: 'permission', action: 'login' }),
  'secrets guessed': (plan, random) => {
    const [minutes, perMinute] = [random.between(10, 60), random.between(5, 200)];
    for (let minute = 0; minute < minutes; minute += 1) {
      plan.refuse(minute * MINUTE_MS, { key: null, reason: 'unknown', proven: false, action: 'login', count: perMinute, credentials: Math.min(32, perMinute) });
    }
  },
  'pushes in volume': (plan, random) => {
    for (let minute = 0; minute < random.between(30, 150); minute += 1) plan.use(minute * MINUTE_MS, random.between(0, 2), random.between(1, 5), [plan.target()]);
  },
  'one backdoor pushed': (plan, random) => {
    plan.use(0, random.between(0, 3), 0, [plan.target()]);
    for (let count = random.between(1, 4); count > 0; count -= 1) plan.use(random.between(1, 90) * MINUTE_MS, 1, 1, [plan.target()]);
  },
  'everything pulled at once': (plan, random) => pullAll(plan, random, plan.place),
  'everything pulled by an insider': (plan, random) => pullAll(plan, random, plan.home()),
  'pulled slowly': (plan, random) => {
    for (let hour = random.between(6, 24); hour > 0; hour -= 1) {
      for (let count = random.between(2, 8); count > 0; count -= 1) plan.use(hour * HOUR_MS + random.between(0, HOUR_MS), random.between(1, 3), 0, [plan.target()]);
    }
  },
  'sleeping key woken': (plan, random) => {
    for (let minute = 0; minute < random.between(3, 30); minute += 1) plan.use(minute * MINUTE_MS, random.between(1, 6), random.between(0, 1), [plan.target()]);
  },
  'used beside its owner': (plan, random) => {
    for (let count = random.between(8, 40); count > 0; count -= 1) plan.use(random.between(0, 8 * HOUR_MS), random.between(1, 5), random.chance(0.2) ? 1 : 0, [plan.target()]);
  },
  'leaked to the public': (plan, random) => {
    for (let minute = 0; minute < random.between(60, 400); minute += 1) {
      const place = personAt(random, someIsp(random, otherCountry(random, plan.key.registry.home)), random.between(0, 2999));
      plan.use(minute * MINUTE_MS, random.between(1, 25), 0, [plan.target()], { place, client: random.pick(TOOLS) });
    }
  },
  'runner taken over': (plan, random) => {
    const place = plan.home();
    for (let minute = 0; minute < random.between(30, 120); minute += 1) plan.use(minute * MINUTE_MS, random.between(0, 3), random.between(3, 25), [plan.target()], { place, client: plan.key.clients[0]! });
  },
  'images deleted': (plan, random) => {
    const place = random.chance(0.6) ? plan.place : plan.home();
    for (let minute = 0; minute < random.between(5, 30); minute += 1) plan.use(minute * MINUTE_MS, 0, 0, [plan.target()], { place, deletes: random.between(1, 12) });
  },
  'rights probed': (plan, random) => {
    const reason = random.pick(['network_refused', 'not_permitted'] as const);
    for (let minute = 0; minute < random.between(5, 25); minute += 1) plan.refuse(minute * MINUTE_MS, { reason, denied: reason === 'not_permitted' ? 'repository' : null, count: random.between(1, 8) });
  },
  'from the next town': (plan, random) => {
    for (let minute = random.between(10, 60); minute > 0; minute -= 1) plan.use(random.between(0, 6 * HOUR_MS), random.between(1, 8), random.chance(0.3) ? random.between(1, 3) : 0, [plan.target()]);
  },
}; // prettier-ignore

/** Every repository of the registry, within minutes. */
function pullAll(plan: Plan, random: Random, place: Place): void {
  const { registry, clients } = plan.key;
  const client = place === plan.place ? plan.client : clients[0]!;
  const perMinute = random.between(2, 15);
  for (let first = 0, minute = 0; first < registry.repositories; first += perMinute, minute += 1) {
    const last = Math.min(registry.repositories, first + perMinute);
    const names = Array.from({ length: last - first }, (_, index) => plan.name(first + index));
    plan.use(minute * MINUTE_MS, names.length * random.between(1, 3), 0, names, { place, client });
  }
}
