import type { Place } from '#libs/usage';
import type { Random } from './random.js';

/** A network operator in one country, and how many /24 it hands out. */
export interface Operator {
  readonly asn: number;
  readonly country: string;
  readonly networks: number;
}

/** Countries in which registries are at home, users live and travel to, weighted by how often. */
const COUNTRIES = {
  US: 28, DE: 14, GB: 9, FR: 7, NL: 6, IN: 6, CA: 5, PL: 4, ES: 4, IT: 3, SE: 3, CH: 3, AU: 3, BR: 4, JP: 4, SG: 2, IE: 2,
  AT: 2, CZ: 2, PT: 2, RO: 2, UA: 2, IL: 2, KR: 2, TR: 2, MX: 2, AR: 1, ZA: 1, FI: 1, NO: 1, DK: 1, BE: 1, VN: 1, ID: 1, GR: 1,
} as const; // prettier-ignore
type Country = keyof typeof COUNTRIES;
const COUNTRY_NAMES = Object.keys(COUNTRIES) as Country[];

/** Clouds that customers rent, and thieves as well. */
const CLOUDS: readonly { readonly asn: number; readonly regions: readonly string[] }[] = [
  { asn: 8075, regions: ['US', 'US', 'NL', 'IE', 'DE', 'SG', 'AU', 'GB'] },
  { asn: 16509, regions: ['US', 'US', 'IE', 'DE', 'JP', 'IN', 'BR', 'FR'] },
  { asn: 396982, regions: ['US', 'BE', 'NL', 'TW', 'DE', 'FI'] },
  { asn: 24940, regions: ['DE', 'DE', 'FI', 'US'] },
  { asn: 16276, regions: ['FR', 'CA', 'PL', 'DE', 'GB'] },
  { asn: 14061, regions: ['US', 'NL', 'SG', 'IN', 'DE', 'GB'] },
  { asn: 63949, regions: ['US', 'DE', 'GB', 'SG', 'JP'] },
  { asn: 12876, regions: ['FR', 'NL', 'PL'] },
];
/** Hosters and virtual private networks that thieves prefer. */
const SHADY_ASNS = [9009, 212238, 60068, 51167, 202425, 62904, 53667, 44477, 210644, 136787];
const ISPS_PER_COUNTRY = 4;
const CLOUD_NETWORKS = 40;
const ISP_NETWORKS = 3000;
/** Share of users' addresses that are IPv6, and of those the share whose country the database gets wrong. */
const IPV6_SHARE = 0.15;
const IPV6_WRONG = 0.4;

export function someCountry(random: Random): string {
  return random.weighted(COUNTRIES);
}

export function otherCountry(random: Random, country: string): string {
  for (;;) {
    const other = someCountry(random);
    if (other !== country) return other;
  }
}

export function someCloud(random: Random, country?: string): Operator {
  const fitting = CLOUDS.flatMap(({ asn, regions }) => regions.map((region) => ({ asn, country: region })));
  const near = fitting.filter((one) => one.country === country);
  return { ...random.pick(near.length > 0 ? near : fitting), networks: CLOUD_NETWORKS };
}

/** The same cloud in another country. */
export function otherRegion(random: Random, { asn, country }: Operator): Operator {
  const regions = CLOUDS.find((cloud) => cloud.asn === asn)!.regions.filter((region) => region !== country);
  return { asn, country: random.pick(regions), networks: CLOUD_NETWORKS };
}

/** Another cloud, in the same country where it has a region there and `stays`. */
export function otherCloud(random: Random, { asn, country }: Operator, stays: boolean): Operator {
  for (;;) {
    const cloud = someCloud(random, stays ? country : undefined);
    if (cloud.asn !== asn) return cloud;
    if (stays && random.chance(0.2)) return someCloud(random);
  }
}

/** A provider of homes, offices and phones. */
export function someIsp(random: Random, country: string): Operator {
  const index = COUNTRY_NAMES.indexOf(country as Country);
  return {
    asn: 100_000 + index * ISPS_PER_COUNTRY + random.between(0, ISPS_PER_COUNTRY - 1),
    country,
    networks: ISP_NETWORKS,
  };
}

export function someShadyHoster(random: Random): Operator {
  return { asn: random.pick(SHADY_ASNS), country: someCountry(random), networks: 60 };
}

/** One address of the operator: the same number is always the same network. */
export function placeAt({ asn, country, networks }: Operator, number: number): Place {
  const index = number % networks;
  const hash =
    (Math.imul(asn, 2_654_435_761) ^
      Math.imul(country.charCodeAt(0) * 256 + country.charCodeAt(1), 40_503)) >>>
    0;
  const network = `${20 + (hash % 170)}.${((hash >>> 8) + (index >> 8)) % 256}.${index % 256}.0/24`;
  return { network, country, asn };
}

/** Where a person is: sometimes by IPv6, for which the country is often wrong. */
export function personAt(random: Random, operator: Operator, number: number): Place {
  if (!random.chance(IPV6_SHARE)) return placeAt(operator, number);
  const country =
    (number * 7) % 10 < IPV6_WRONG * 10 ? COUNTRY_NAMES[number % COUNTRY_NAMES.length]! : operator.country;
  return {
    network: `2a02:${(operator.asn % 9000) + 1000}:${(number % 8999) + 1000}::/48`,
    country,
    asn: operator.asn,
  };
}
