import { Episode, type EpisodeSnapshot } from './episode.js';
import { Raised, type RaisedSnapshot } from './finding.js';
import { HourlyProfile, type HourlyProfileSnapshot } from './hourly-profile.js';
import { KnownPlaces, type KnownPlacesSnapshot } from './place-news.js';
import { KnownValues, type KnownValuesSnapshot } from './known-values.js';
import { Recent, type RecentSnapshot } from './recent.js';
import { RepositoryMemory, type RepositoryMemorySnapshot } from './repository-memory.js';

const DAY_MS = 86_400_000;
const CLIENTS_KNOWN = 8;
/** Besides the time, a key is learned once it was used on this many days. */
const LEARNING_ACTIVE_DAYS = 2;
/** Serialized, at most (ALERTS.md). */
export const KEY_STATE_BYTES_MAX = 2560;

/** All that the rules remember of a key; owned by one Detector. */
export class KeyState {
  readonly profile: HourlyProfile;
  readonly places: KnownPlaces;
  readonly clients: KnownValues;
  readonly repositories: RepositoryMemory;
  readonly refusals: Recent;
  readonly raised: Raised;
  episode: Episode | undefined;
  /** ms since the epoch; -1: never. Time does not go back. */
  firstUse: number;
  lastUse: number;
  activeDays: number;

  constructor(snapshot?: KeyStateSnapshot) {
    this.profile = new HourlyProfile(snapshot?.profile);
    this.places = new KnownPlaces(snapshot?.places);
    this.clients = snapshot
      ? KnownValues.restore(CLIENTS_KNOWN, snapshot.clients)
      : new KnownValues(CLIENTS_KNOWN);
    this.repositories = new RepositoryMemory(snapshot?.repositories);
    this.refusals = new Recent(snapshot?.refusals);
    this.raised = new Raised(snapshot?.raised);
    this.episode = snapshot?.episode ? Episode.restore(snapshot.episode) : undefined;
    [this.firstUse, this.lastUse, this.activeDays] = snapshot?.used ?? [-1, -1, 0];
  }

  snapshot(): KeyStateSnapshot {
    return {
      profile: this.profile.snapshot(),
      places: this.places.snapshot(),
      clients: this.clients.snapshot(),
      repositories: this.repositories.snapshot(),
      refusals: this.refusals.snapshot(),
      raised: this.raised.snapshot(this.lastUse),
      episode: this.episode?.snapshot() ?? null,
      used: [this.firstUse, this.lastUse, this.activeDays],
    };
  }

  /** Whether the key has habits that can be held against a use. */
  hasLearned(time: number, learningMs: number): boolean {
    return (
      this.firstUse >= 0 && time - this.firstUse >= learningMs && this.activeDays >= LEARNING_ACTIVE_DAYS
    );
  }

  used(time: number): void {
    if (this.lastUse < 0 || Math.floor(time / DAY_MS) > Math.floor(this.lastUse / DAY_MS))
      this.activeDays += 1;
    if (this.firstUse < 0) this.firstUse = time;
    this.lastUse = time;
  }
}

export interface KeyStateSnapshot {
  readonly profile: HourlyProfileSnapshot;
  readonly places: KnownPlacesSnapshot;
  readonly clients: KnownValuesSnapshot;
  readonly repositories: RepositoryMemorySnapshot;
  readonly refusals: RecentSnapshot;
  readonly raised: RaisedSnapshot;
  readonly episode: EpisodeSnapshot | null;
  readonly used: [firstUse: number, lastUse: number, activeDays: number];
}
