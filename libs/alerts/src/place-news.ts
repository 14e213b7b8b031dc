import { hash32 } from '#libs/kernel';
import { leastDistanceKm } from './country-distance.js';
import { KnownValues, type KnownValuesSnapshot } from './known-values.js';
import type { ResolvedSettings } from './settings.js';

/** Where a request came from; as in libs/usage. */
export interface Place {
  readonly network: string | null;
  readonly country: string | null;
  readonly asn: number | null;
}

/** What is new about a place, and how many points of evidence that is: 0 to UNDECLARED_POINTS. */
export interface PlaceNews {
  readonly points: number;
  readonly country: boolean;
  readonly asn: boolean;
  readonly network: boolean;
}

const COUNTRIES_KNOWN = 12;
const ASNS_KNOWN = 12;
const NETWORKS_KNOWN = 24;
/** What a new country, operator and network count for a key that never met one before. */
const COUNTRY_POINTS = 3;
const ASN_POINTS = 4.5;
const NETWORK_POINTS = 1.5;
/** A use outside what was declared says more than any habit. */
const UNDECLARED_POINTS = 10;
/** Countries of IPv6 addresses agree between databases in a third to two thirds of cases. */
const IPV6_COUNTRY_SHARE = 0.25;
/** Other keys of the registry are used from this operator. */
const PEERS_SHARE = 0.5;
/** Surprise of SURPRISE_FULL_BITS and more counts fully, below SURPRISE_NONE_BITS nothing. */
const SURPRISE_NONE_BITS = 1;
const SURPRISE_FULL_BITS = 5;
/** A key is settled where a new operator is at least this surprising, one that just came counted. */
const SETTLED_BITS = 3.3;

const NOTHING_NEW: PlaceNews = { points: 0, country: false, asn: false, network: false };

/** What is new about a place for a key without habits: what is new to its registry. */
export function newsToRegistry({ network }: Place, strangeness: { country: number; asn: number }): PlaceNews {
  const countryShare = isIpv6(network) ? IPV6_COUNTRY_SHARE : 1;
  const points = COUNTRY_POINTS * strangeness.country * countryShare + ASN_POINTS * strangeness.asn;
  return { points, country: strangeness.country > 0, asn: strangeness.asn > 0, network: points > 0 };
}

/** The places of a key. */
export class KnownPlaces {
  readonly #countries: KnownValues;
  readonly #asns: KnownValues;
  readonly #networks: KnownValues;
  /** The country of the last use that tells one reliably, and when. */
  #last: { readonly country: string; readonly time: number } | undefined;
  /** The network hashed last: asked and then remembered. */
  #lastNetwork = '';
  #lastNumber = hash32('');

  constructor(snapshot?: KnownPlacesSnapshot) {
    this.#countries = known(COUNTRIES_KNOWN, snapshot?.[0]);
    this.#asns = known(ASNS_KNOWN, snapshot?.[1]);
    this.#networks = known(NETWORKS_KNOWN, snapshot?.[2]);
    const last = snapshot?.[3];
    if (last) this.#last = { country: last[0], time: last[1] };
  }

  snapshot(): KnownPlacesSnapshot {
    const sets = [this.#countries, this.#asns, this.#networks] as const;
    const [countries, asns, networks] = [sets[0].snapshot(), sets[1].snapshot(), sets[2].snapshot()];
    return [countries, asns, networks, this.#last ? [this.#last.country, this.#last.time] : null];
  }

  get countries(): string[] {
    return this.#countries.values.map((number) => String.fromCharCode(number >> 8, number & 0xff)).sort();
  }

  get asns(): number[] {
    return [...this.#asns.values].sort((a, b) => a - b);
  }

  /** Whether the key is usually in one place, so that a second one at the same time says something. */
  get isSettled(): boolean {
    return this.#asns.surpriseBits >= SETTLED_BITS;
  }

  /** What is new about the place; remembers nothing. */
  assess(place: Place, settings: ResolvedSettings, areKnownToPeers: boolean): PlaceNews {
    const { network, country, asn } = place;
    const news = {
      country: country !== null && !this.#countries.has(countryNumber(country)),
      asn: asn !== null && !this.#asns.has(asn),
      network: network !== null && !this.#networks.has(this.#numberOf(network)),
    };
    if (!news.country && !news.asn && !news.network) return NOTHING_NEW;
    if (settings.declares(place)) {
      const points = settings.expects(place) ? 0 : this.#undeclaredPoints(place);
      return { ...news, points };
    }
    const share = areKnownToPeers ? PEERS_SHARE : 1;
    const countryShare = isIpv6(network) ? IPV6_COUNTRY_SHARE : 1;
    const networkWeight = weightOf(this.#networks);
    // Where networks come and go and the operator never does, the operator is the habit, and has their points too.
    const asnPoints = ASN_POINTS + NETWORK_POINTS * (1 - networkWeight);
    const points =
      (news.country ? COUNTRY_POINTS * share * countryShare * weightOf(this.#countries) : 0) +
      (news.asn ? asnPoints * share * weightOf(this.#asns) : 0) +
      (news.network ? NETWORK_POINTS * networkWeight : 0);
    return { ...news, points };
  }

  /** The highest speed in km/h that the way from the last country takes, between any of their corners. */
  speed({ country, network }: Place, time: number): number {
    if (country === null || isIpv6(network) || !this.#last) return 0;
    const hours = Math.max(time - this.#last.time, MINUTE_MS) / HOUR_MS;
    return leastDistanceKm(this.#last.country, country) / hours;
  }

  see({ network, country, asn }: Place, time: number): void {
    const day = Math.floor(time / DAY_MS);
    if (country !== null) {
      this.#countries.see(countryNumber(country), day);
      if (!isIpv6(network)) this.#last = { country, time };
    }
    if (asn !== null) this.#asns.see(asn, day);
    if (network !== null) this.#networks.see(this.#numberOf(network), day);
  }

  #numberOf(network: string): number {
    if (network !== this.#lastNetwork) [this.#lastNetwork, this.#lastNumber] = [network, hash32(network)];
    return this.#lastNumber;
  }

  /** IPv6 tells no country well enough to hold it against the key. */
  #undeclaredPoints({ network }: Place): number {
    return isIpv6(network) ? UNDECLARED_POINTS * IPV6_COUNTRY_SHARE : UNDECLARED_POINTS;
  }
}

export type KnownPlacesSnapshot = [
  countries: KnownValuesSnapshot,
  asns: KnownValuesSnapshot,
  networks: KnownValuesSnapshot,
  last: [country: string, time: number] | null,
];

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

function known(capacity: number, snapshot: KnownValuesSnapshot | undefined): KnownValues {
  return snapshot ? KnownValues.restore(capacity, snapshot) : new KnownValues(capacity);
}

/** How much of its points something new is worth, from 0 to 1, for a key that meets new ones as often as this. */
export function weightOf(values: KnownValues): number {
  const share = (values.surpriseBits - SURPRISE_NONE_BITS) / (SURPRISE_FULL_BITS - SURPRISE_NONE_BITS);
  return Math.min(1, Math.max(0, share));
}

export function isIpv6(network: string | null): boolean {
  return network !== null && network.includes(':');
}

/** Two letters in 16 bits. */
export function countryNumber(country: string): number {
  return (country.charCodeAt(0) << 8) | (country.charCodeAt(1) & 0xff);
}
