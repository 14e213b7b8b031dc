import type { Place } from '#libs/usage';
import type { KeyPlan, RegistryPlan } from './keys.js';
import type { Random } from './random.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, recorded, refused, type TimedFact } from './use.js';
import { personAt, placeAt, someIsp, someCountry, type Operator } from './world.js';

/** Where hosted runners stand when they are not where most are. */
const ELSEWHERE = ['NL', 'IE', 'GB', 'AU'];
const ELSEWHERE_SHARE = 0.06;
/** Sessions and builds at night and on Sunday, as a share of those of a busy hour. */
const NIGHT = 0.03;
const WEEKEND = 0.15;

const TOOLS_TRIED = ['skopeo', 'crane', 'podman', 'buildah', 'helm', 'trivy'];

/** One day of a key whose owner has nothing to hide. */
export function benignDay(random: Random, key: KeyPlan, day: number, midnight: number): TimedFact[] {
  if (day < key.born || (day >= key.daysOff[0] && day < key.daysOff[1])) return [];
  const scene = new Scene(random, key, day, midnight);
  const kinds: Readonly<Record<KeyPlan['kind'], () => void>> = {
    'hosted-ci': () => ciDay(scene),
    'own-runner': () => ciDay(scene),
    cluster: () => clusterDay(scene),
    developer: () => developerDay(scene),
    scanner: () => scannerDay(scene),
    mirror: () => steadyDay(scene, 8),
    fleet: () => steadyDay(scene, 2),
    rare: () => rareDay(scene),
  };
  kinds[key.kind]();
  mishaps(scene);
  return scene.facts;
}

/** Strangers who try doors everywhere. */
export function registryNoise(random: Random, registry: RegistryPlan, midnight: number): TimedFact[] {
  return Array.from({ length: random.poisson(4) }, () =>
    refused({
      registry: registry.id, key: null, reason: random.pick(['unknown', 'malformed', 'not_a_key']), proven: false,
      time: midnight + random.between(0, DAY_MS - 1), place: placeAt(someIsp(random, someCountry(random)), random.between(0, 2999)),
      client: random.pick(['curl', 'go', 'python', 'docker']), count: random.between(1, 4), credentials: random.between(1, 3),
    }),
  ); // prettier-ignore
}

/** A key on one day: where it is, and what it uses. */
class Scene {
  readonly facts: TimedFact[] = [];
  readonly growth: number;
  /** 0 = Sunday. */
  readonly weekday: number;

  constructor(
    readonly random: Random,
    readonly key: KeyPlan,
    readonly day: number,
    readonly midnight: number,
  ) {
    this.growth = day >= key.growthDay ? key.growth : 1;
    this.weekday = new Date(midnight).getUTCDay();
  }

  get isWeekend(): boolean {
    return this.weekday === 0 || this.weekday === 6;
  }

  /** Share of the busy rate in an hour of the day. */
  shape(hour: number, night = NIGHT): number {
    const [from, until] = this.key.workday;
    const isWork = hour >= from && hour < until;
    const isNear = hour >= from - 1 && hour < until + 2;
    return (isWork ? 1 : isNear ? 0.3 : night) * (this.isWeekend ? WEEKEND : 1);
  }

  place(time: number): Place | undefined {
    const { random, key } = this;
    const at = (time - this.midnight) / DAY_MS + this.day;
    const open = key.stays.filter(({ from, until }) => at >= from && at < until);
    if (open.length === 0) return undefined;
    const operator = random.pick(random.pick(open).operators);
    return this.#placeOf(operator);
  }

  #placeOf(operator: Operator): Place {
    const { random, key } = this;
    if (key.kind === 'hosted-ci') {
      const country = random.chance(ELSEWHERE_SHARE) ? random.pick(ELSEWHERE) : operator.country;
      return placeAt({ ...operator, country }, random.between(0, operator.networks - 1));
    }
    if (key.kind === 'fleet') return personAt(random, operator, random.between(0, 2999));
    const number = random.pick(key.networks);
    if (key.kind !== 'developer') return placeAt(operator, number);
    // Homes get another address every few weeks.
    return personAt(random, operator, number + Math.floor(this.day / 25) * 31);
  }

  client(): string {
    const { clients, newClientDay } = this.key;
    const usual = clients.slice(0, -1);
    // People try another tool now and then.
    if (this.key.kind === 'developer' && this.random.chance(0.01)) return this.random.pick(TOOLS_TRIED);
    return this.day >= newClientDay && this.random.chance(0.4) ? clients.at(-1)! : this.random.pick(usual);
  }

  repositories(count: number): string[] {
    const { repositories, late, lateDay, registry } = this.key;
    const known = this.day >= lateDay ? repositories.length : repositories.length - late;
    const names = Array.from(
      { length: count },
      () => `${registry.id}/r${repositories[this.random.skewed(known)]}`,
    );
    const strays = this.random.chance(this.key.kind === 'developer' ? 0.04 : 0.002);
    if (strays) names.push(`${registry.id}/r${this.random.between(0, registry.repositories - 1)}`);
    return [...new Set(names)];
  }

  get allRepositories(): string[] {
    return this.key.repositories.map((number) => `${this.key.registry.id}/r${number}`);
  }

  use(time: number, pulls: number, pushes: number, repositories: readonly string[]): void {
    const place = this.place(time);
    if (!place || pulls + pushes === 0) return;
    const { id, registry } = this.key;
    const size = this.random.lognormal(0.6);
    this.facts.push(
      recorded({
        registry: registry.id,
        key: id,
        time,
        place,
        client: this.client(),
        repositories,
        pulls,
        pushes,
        size,
      }),
    );
  }
}

/** Pipelines: on work days, more on release days, bots that update dependencies on Mondays, retries on bad days. */
function ciDay(scene: Scene): void {
  const { random, key, midnight, day } = scene;
  const today = random.lognormal(key.spread) * scene.growth;
  const isRelease = (day - key.registry.releaseDay) % 14 === 0;
  const releaseHour = random.between(key.workday[0], key.workday[1] - 3);
  const releaseFactor = 2 + 4 * random.next();
  const hasBots = key.networks[0]! % 5 < 2 && scene.weekday === 1;
  const flakyHour = random.chance(0.05) ? random.between(key.workday[0], 20) : -9;
  const hotfixHour = random.chance(0.03) ? random.between(0, 23) : -9;
  for (let hour = 0; hour < 24; hour += 1) {
    let mean = key.rate * today * scene.shape(hour);
    if (isRelease && hour >= releaseHour && hour < releaseHour + 4) mean *= releaseFactor;
    if (hasBots && hour >= 5 && hour < 8) mean += key.rate * 2.5;
    if (hour >= flakyHour && hour < flakyHour + 4) mean *= 2.2;
    if (hour === hotfixHour) mean += 2;
    builds(scene, midnight + hour * HOUR_MS, random.poisson(mean * random.lognormal(key.spread / 2)));
  }
  if (random.chance(0.015)) rebuildAll(scene);
}

function builds(scene: Scene, hour: number, count: number): void {
  const { random } = scene;
  for (let build = 0; build < count; build += 1) {
    const pushes = random.chance(0.55) ? random.between(1, 4) : 0;
    const names = scene.repositories(random.between(1, 3));
    scene.use(hour + random.between(0, HOUR_MS - 1), random.between(1, 12), pushes, names);
  }
}

/** A base image has a hole: every image is built anew within an hour or two. */
function rebuildAll(scene: Scene): void {
  const { random, key, midnight } = scene;
  const start = midnight + random.between(key.workday[0], key.workday[1]) * HOUR_MS;
  const minutes = random.between(20, 120);
  for (const name of scene.allRepositories) {
    scene.use(start + random.between(0, minutes) * MINUTE_MS, random.between(2, 8), random.between(1, 3), [
      name,
    ]);
  }
}

/** Machines that pull when they scale, deploy, or are set up anew. */
function clusterDay(scene: Scene): void {
  const { random, key, midnight } = scene;
  const today = random.lognormal(key.spread) * scene.growth;
  for (let hour = 0; hour < 24; hour += 1) {
    const scaling = random.poisson(key.rate * today * (0.4 + 0.6 * scene.shape(hour)));
    const deployments = random.poisson(0.4 * scene.shape(hour, 0));
    const start = midnight + hour * HOUR_MS;
    for (let event = 0; event < scaling; event += 1) {
      scene.use(start + random.between(0, HOUR_MS - 1), random.between(1, 6), 0, scene.repositories(2));
    }
    for (let event = 0; event < deployments; event += 1) {
      scene.use(start + random.between(0, HOUR_MS - 1), random.between(3, 30), 0, scene.repositories(1));
    }
  }
  if (random.chance(1 / 60)) setUpAnew(scene);
}

function setUpAnew(scene: Scene): void {
  const { random, key, midnight } = scene;
  const start = midnight + random.between(key.workday[0], key.workday[1]) * HOUR_MS;
  const nodes = random.between(3, 12);
  for (let minute = 0; minute < random.between(4, 12); minute += 1) {
    const names = scene.allRepositories.filter(() => random.chance(0.5));
    scene.use(start + minute * MINUTE_MS, Math.max(1, Math.round((names.length * nodes) / 5)), 0, names);
  }
}

function developerDay(scene: Scene): void {
  const { random, key, midnight } = scene;
  const isAtWork = random.chance(scene.isWeekend ? 0.1 : 0.9);
  if (!isAtWork) return;
  for (let hour = 0; hour < 24; hour += 1) {
    const sessions = random.poisson(key.rate * scene.shape(hour, 0.01) * (scene.isWeekend ? 4 : 1));
    for (let session = 0; session < sessions; session += 1) {
      const pushes = random.chance(0.3) ? random.between(1, 3) : 0;
      const time = midnight + hour * HOUR_MS + random.between(0, HOUR_MS - 1);
      scene.use(time, random.between(1, 6), pushes, scene.repositories(random.between(1, 2)));
    }
  }
}

/** All images, once a night. */
function scannerDay(scene: Scene): void {
  const { random, key, midnight } = scene;
  const names = scene.allRepositories;
  const start = midnight + ((key.workday[1] + 5) % 24) * HOUR_MS + random.between(0, 20) * MINUTE_MS;
  for (let at = 0, minute = 0; at < names.length; minute += 1) {
    const some = names.slice(at, (at += random.between(2, 8)));
    scene.use(start + minute * MINUTE_MS, some.length * random.between(1, 2), 0, some);
  }
}

function steadyDay(scene: Scene, pullsMax: number): void {
  const { random, key, midnight } = scene;
  const today = random.lognormal(key.spread) * scene.growth;
  for (let hour = 0; hour < 24; hour += 1) {
    const count = random.poisson(key.rate * today * (0.7 + 0.3 * scene.shape(hour)));
    for (let event = 0; event < count; event += 1) {
      const time = midnight + hour * HOUR_MS + random.between(0, HOUR_MS - 1);
      scene.use(time, random.between(1, pullsMax), 0, scene.repositories(random.between(1, 3)));
    }
  }
}

/** A few times in a quarter. */
function rareDay(scene: Scene): void {
  const { random, key, midnight } = scene;
  if (!random.chance(0.05)) return;
  const hour = midnight + random.between(key.workday[0], key.workday[1]) * HOUR_MS;
  builds(scene, hour, random.between(1, 4));
}

/** A wrong secret in a deployment, a right that is missing: from where the key belongs. */
function mishaps(scene: Scene): void {
  const { random, key, midnight, facts } = scene;
  const isWrong = random.chance(0.005);
  if (!isWrong && !random.chance(0.003)) return;
  const start = midnight + random.between(6, 18) * HOUR_MS;
  const place = scene.place(start);
  if (!place) return;
  const about = { registry: key.registry.id, key: key.id, place, client: scene.client() };
  for (let minute = 0; minute < random.between(5, 40); minute += 1) {
    const time = start + minute * MINUTE_MS;
    const count = random.between(1, 30);
    if (isWrong) facts.push(refused({ ...about, reason: 'wrong_secret', proven: false, time, count }));
    else
      facts.push(
        refused({ ...about, reason: 'not_permitted', denied: 'repository', proven: true, time, count }),
      );
  }
}
