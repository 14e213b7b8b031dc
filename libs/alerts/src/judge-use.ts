import { hash32 } from '#libs/kernel';
import { NEW_REPOSITORIES, type Vote } from './episode.js';
import { METRICS, type Metric, type Verdict } from './hourly-profile.js';
import { judgeEpisode, judgePlace, noteVotes } from './judge-place.js';
import { rounded, unitOf, type Judgement } from './judgement.js';
import type { KeyState } from './key-state.js';
import { weightOf } from './place-news.js';
import type { RecordedUse } from './usage-input.js';

const DAY_MS = 86_400_000;
/** A pause this long speaks against a use from a strange place: its owner would not have noticed. */
const LONG_PAUSE_MS = 7 * DAY_MS;
const MIB = 2 ** 20;
const MIB_PER_GIB = 1024;
/** An enumeration is this many times the most repositories that the key reached in ten minutes in the last weeks. */
const ENUMERATION_PEAKS = 1.2;
/** Among more requests than these a single new repository says nothing. */
const REQUESTS_EARLY_MAX = 30;
/** A new program says something for a key that meets one rarely. */
const TELLING_WEIGHT = 0.5;

/** What the gate let through: a part of a minute of the key. */
export function judgeUse(judgement: Judgement, use: RecordedUse): void {
  const { state, time, pauseMs } = judgement;
  if (judgement.settings.isCanary) return tellTouched(judgement, use);
  state.profile.advance(time);
  state.repositories.advance(time);
  const isStrangeHour = state.profile.isStrangeHour();
  state.used(time);
  for (const place of use.places) judgePlace(judgement, place);
  const votes: Vote[] = [];
  judgeClients(judgement, use, votes);
  if (isStrangeHour) votes.push('strangeHour');
  if (pauseMs >= LONG_PAUSE_MS) votes.push('wasIdle');
  if (pauseMs >= judgement.threshold('idle-key-wakes') * DAY_MS) tellWaking(judgement, pauseMs);
  const newcomers = state.repositories.see(use.repositories, use.repositorySet);
  const isStrange = isMostlyStrange(judgement, use);
  if (isStrange) state.episode!.newRepositories += newcomers;
  if (newcomers > 0 && state.activeDays > 1 && judgement.isOfAge && tellsOfStranger(state))
    votes.push('newRepository');
  count(judgement, use);
  const isEnumeration = judgeEnumeration(judgement, votes);
  const beyond = judgeVolumes(judgement, votes);
  if ((use.actions.delete?.accepted ?? 0) > 0) votes.push('deletes');
  // Votes belong to the strange place only when the use did.
  if (isStrange) noteVotes(judgement, votes);
  const isUnexpected = judgeEpisode(judgement);
  if (isEnumeration) tellEnumeration(judgement);
  if (!isUnexpected) for (const metric of beyond) tellVolume(judgement, metric);
}

/** Several new repositories in one episode say something, and a single one among few requests of a key that meets one rarely. */
function tellsOfStranger({ repositories, episode }: KeyState): boolean {
  if (!episode || !repositories.isTelling) return false;
  const isEarly = episode.pulls + episode.pushes <= REQUESTS_EARLY_MAX;
  return episode.newRepositories >= NEW_REPOSITORIES || (repositories.meetsNewOnesRarely && isEarly);
}

/** A canary may be let in as far as a login: it is an alert all the same. */
function tellTouched(judgement: Judgement, { places, clients }: RecordedUse): void {
  const { network = null, country = null, asn = null } = places[0] ?? {};
  const client = clients[0]?.client ?? null;
  judgement.fire('canary-touched', () => ({ evidence: { network, country, asn, client }, baseline: {} }));
}

function judgeClients(judgement: Judgement, { clients, places }: RecordedUse, votes: Vote[]): void {
  const { state, time } = judgement;
  const day = Math.floor(time / DAY_MS);
  for (const { client } of clients) {
    const weight = weightOf(state.clients);
    const isNew = state.clients.see(hash32(client), day);
    if (!isNew || weight < TELLING_WEIGHT || state.activeDays <= 1) continue;
    if (judgement.isOfAge) votes.push('newClient');
    if (!judgement.hasLearned) continue;
    judgement.fire('new-client', () => ({
      evidence: { client, country: places[0]?.country ?? null, network: places[0]?.network ?? null },
      baseline: { clientsKnown: state.clients.size - 1 },
    }));
  }
}

function tellWaking(judgement: Judgement, idleMs: number): void {
  judgement.fire('idle-key-wakes', () => ({
    evidence: { daysIdle: Math.floor(idleMs / DAY_MS) },
    baseline: { daysUsed: judgement.state.activeDays },
  }));
}

function count({ state }: Judgement, { actions, bytesUp, bytesDown }: RecordedUse): void {
  const { profile, repositories } = state;
  profile.add('pushes', actions['push']?.accepted ?? 0);
  profile.add('pulls', actions['pull']?.accepted ?? 0);
  profile.add('deletes', actions['delete']?.accepted ?? 0);
  profile.add('bytes', (bytesUp + bytesDown) / MIB);
  profile.set('repositories', repositories.inThisHour);
}

/** Many repositories, and most of them new: who goes through what the key always used may be setting up a cluster anew. */
function judgeEnumeration(judgement: Judgement, votes: Vote[]): boolean {
  const { repositories } = judgement.state;
  const threshold = judgement.threshold('enumeration');
  const newOnes = repositories.newInTenMinutes;
  if (!judgement.hasLearned || newOnes < threshold) return false;
  const all = repositories.inTenMinutes;
  if (2 * newOnes < all || all < ENUMERATION_PEAKS * repositories.peak) return false;
  votes.push('enumerates');
  return true;
}

/** The metrics whose hour is extraordinary. */
function judgeVolumes(judgement: Judgement, votes: Vote[]): readonly Metric[] {
  if (!judgement.hasLearned) return [];
  const verdicts = METRICS.map((metric): Verdict =>
    judgement.state.profile.judge(metric, floorOf(judgement, metric)),
  );
  if (verdicts.includes('extraordinary')) votes.push('extraordinaryVolume');
  else if (verdicts.includes('unusual')) votes.push('unusualVolume');
  return METRICS.filter((_, index) => verdicts[index] === 'extraordinary');
}

/** In the unit of the profile, which counts bytes in MiB. */
function floorOf(judgement: Judgement, metric: Metric): number {
  return judgement.threshold(`volume-${metric}`) * (metric === 'bytes' ? MIB_PER_GIB : 1);
}

/** Whether at least half of the requests came from the place of the episode. */
function isMostlyStrange({ state }: Judgement, { places }: RecordedUse): boolean {
  const { episode } = state;
  if (!episode) return false;
  let [there, all] = [0, 0];
  for (const place of places) {
    const requests = place.pulls + place.pushes + place.others;
    all += requests;
    if (episode.isAt(place)) there += requests;
  }
  return there > 0 && 2 * there >= all;
}

function tellEnumeration(judgement: Judgement): void {
  const { repositories } = judgement.state;
  judgement.fire('enumeration', () => ({
    evidence: { repositoriesInTenMinutes: repositories.inTenMinutes, newOnes: repositories.newInTenMinutes },
    baseline: { mostInTenMinutes: rounded(repositories.peak), repositoriesKnown: repositories.known },
  }));
}

function tellVolume(judgement: Judgement, metric: Metric): void {
  const { profile } = judgement.state;
  judgement.fire(`volume-${metric}`, () => ({
    evidence: { [metric]: rounded(profile.count(metric)), unit: unitOf(`volume-${metric}`) },
    baseline: { expected: rounded(profile.expected(metric)), highestHour: rounded(profile.peak(metric)) },
  }));
}
