import { isIpv6, type Place } from './place-news.js';

/** What else speaks for a stranger, and how many points of evidence that is. */
export const VOTES = {
  writes: 2.5,
  deletes: 1.5,
  newClient: 5,
  newRepository: 7,
  strangeHour: 3,
  usedAtHomeMeanwhile: 3.5,
  impossibleTravel: 1.5,
  unusualVolume: 5,
  extraordinaryVolume: 6,
  enumerates: 5,
  wasRefused: 6,
  wasIdle: 2.5,
  fromManyPlaces: 5,
  newToRegistry: 1.5,
  /** Speaks against a stranger. */
  ownerWasSilent: -3,
} as const;
export type Vote = keyof typeof VOTES;
const VOTE_NAMES = Object.keys(VOTES) as Vote[];

/** What comes from the place later than this is habit, and not the same episode. */
export const EPISODE_MS = 48 * 3_600_000;
/** So many new repositories in an episode say something of any key. */
export const NEW_REPOSITORIES = 3;
/** So many other new places: the key is in several hands. */
export const OTHER_PLACES = 3;
/** Two uses within this time count as at the same time. */
export const MEANWHILE_MS = 60 * 60_000;

/** The use of a key from one place that was new to it, while it is new. Votes are kept as the bits of a number. */
export class Episode {
  #votes = 0;
  /** Whether something came that was not judged yet; false between two facts. */
  hasNews = false;

  constructor(
    readonly place: Place,
    /** Points of the place itself, and what of it was new. */
    readonly points: number,
    readonly isNewCountry: boolean,
    readonly isNewAsn: boolean,
    readonly since: number,
    public lastUse: number = since,
    public pulls = 0,
    public pushes = 0,
    public newRepositories = 0,
    /** Times that yet another place was new meanwhile. */
    public otherPlaces = 0,
    votes = 0,
  ) {
    this.#votes = votes;
  }

  static restore([place, points, newness, since, lastUse, ...rest]: EpisodeSnapshot): Episode {
    const [network, country, asn] = place;
    const [isNewCountry, isNewAsn] = [(newness & 1) !== 0, (newness & 2) !== 0];
    return new Episode({ network, country, asn }, points, isNewCountry, isNewAsn, since, lastUse, ...rest);
  }

  snapshot(): EpisodeSnapshot {
    const { network, country, asn } = this.place;
    const newness = (this.isNewCountry ? 1 : 0) | (this.isNewAsn ? 2 : 0);
    const counts = [this.pulls, this.pushes, this.newRepositories, this.otherPlaces] as const;
    return [[network, country, asn], this.points, newness, this.since, this.lastUse, ...counts, this.#votes];
  }

  isOver(time: number): boolean {
    return time >= this.since + EPISODE_MS;
  }

  /** Whether use from there belongs to it: the network may be another one of the same operator and country. */
  isAt({ country, asn, network }: Place): boolean {
    if (this.place.asn !== asn) return false;
    // The country of an IPv6 address is a guess: the same operator is the same place.
    if (this.place.country !== country)
      return asn !== null && (isIpv6(network) || isIpv6(this.place.network));
    return asn !== null || country !== null || this.place.network === network;
  }

  vote(vote: Vote): void {
    const bit = 1 << VOTE_NAMES.indexOf(vote);
    if ((this.#votes & bit) === 0) this.hasNews = true;
    this.#votes |= bit;
  }

  get votes(): Vote[] {
    return VOTE_NAMES.filter((_, bit) => (this.#votes & (1 << bit)) !== 0);
  }

  get score(): number {
    return this.votes.reduce((sum, vote) => sum + VOTES[vote], this.points);
  }
}

export type EpisodeSnapshot = [
  place: [network: string | null, country: string | null, asn: number | null],
  points: number,
  newness: number,
  since: number,
  lastUse: number,
  pulls: number,
  pushes: number,
  newRepositories: number,
  otherPlaces: number,
  votes: number,
];
