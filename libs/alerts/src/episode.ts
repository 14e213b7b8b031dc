import type { Place } from './place-news.js';

/** What else speaks for a stranger, and how many points of evidence that is. */
export const VOTES = {
  writes: 2,
  deletes: 1.5,
  newClient: 2.5,
  newRepository: 2,
  strangeHour: 1.5,
  usedAtHomeMeanwhile: 2,
  impossibleTravel: 2,
  unusualVolume: 2,
  extraordinaryVolume: 4,
  enumerates: 4,
  wasRefused: 2.5,
  wasIdle: 1.5,
} as const;
export type Vote = keyof typeof VOTES;
const VOTE_NAMES = Object.keys(VOTES) as Vote[];

/** What comes from the place later than this is habit, and not the same episode. */
const EPISODE_MS = 48 * 3_600_000;
/** Two uses within this time count as at the same time. */
export const MEANWHILE_MS = 60 * 60_000;

/** The use of a key from one place that was new to it, while it is new. Votes are kept as the bits of a number. */
export class Episode {
  #votes = 0;

  constructor(
    readonly place: Place,
    /** Points of the place itself. */
    readonly points: number,
    readonly since: number,
    public lastUse: number = since,
    public pulls = 0,
    public pushes = 0,
    votes = 0,
  ) {
    this.#votes = votes;
  }

  static restore([place, points, since, lastUse, pulls, pushes, votes]: EpisodeSnapshot): Episode {
    const [network, country, asn] = place;
    return new Episode({ network, country, asn }, points, since, lastUse, pulls, pushes, votes);
  }

  snapshot(): EpisodeSnapshot {
    const { network, country, asn } = this.place;
    return [
      [network, country, asn],
      this.points,
      this.since,
      this.lastUse,
      this.pulls,
      this.pushes,
      this.#votes,
    ];
  }

  isOver(time: number): boolean {
    return time >= this.since + EPISODE_MS;
  }

  /** Whether use from there belongs to it: the network may be another one of the same operator and country. */
  isAt({ country, asn, network }: Place): boolean {
    if (this.place.country !== country || this.place.asn !== asn) return false;
    return asn !== null || country !== null || this.place.network === network;
  }

  vote(vote: Vote): void {
    this.#votes |= 1 << VOTE_NAMES.indexOf(vote);
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
  since: number,
  lastUse: number,
  pulls: number,
  pushes: number,
  votes: number,
];
