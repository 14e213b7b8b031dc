import { Episode, EPISODE_MS, MEANWHILE_MS, OTHER_PLACES, VOTES, type Vote } from './episode.js';
import { rounded, type Judgement } from './judgement.js';
import { isIpv6, newsToRegistry, type Place, type PlaceNews } from './place-news.js';
import type { RuleName } from './rules.js';
import type { UsagePlace } from './usage-input.js';

/** Fewer points than this open no episode: a new network of a known operator, say. */
const EPISODE_POINTS_MIN = 1;
/** A place has to be stranger by this much to take the place of one that there is evidence of. */
const PLACE_CHANGE_POINTS = 1.5;
/** So many hours of work without a use: its owner was not where he used to be. */
const SILENT_HOURS = 3;
/** An operator that is new to a registry says something when the registry meets new ones rarely. */
const TELLING_STRANGENESS = 0.5;
/** Another new place counts as one when it is at least this strange. */
const OTHER_PLACE_POINTS_MIN = 2.5;

/** What is new about one place of a use; remembers it, and tells the low alerts. Returns whether the place is strange. */
export function judgePlace(judgement: Judgement, place: UsagePlace): void {
  const { state, settings, peers, key, time } = judgement;
  const { places } = state;
  const hasHabits = judgement.hasLearned || settings.declares(place);
  const news = hasHabits
    ? places.assess(place, settings, peers.know(place.asn, key, time))
    : newsToRegistry(place, peers.strangeness(place, time));
  if (news.points > 0) {
    const speed = news.country ? places.speed(place, time) : 0;
    const travels = speed > judgement.threshold('impossible-travel');
    tellNews(judgement, place, news, travels ? speed : 0);
    if (news.points >= EPISODE_POINTS_MIN) openEpisode(judgement, place, news);
    if (travels) noteVotes(judgement, ['impossibleTravel']);
  }
  noteEpisode(judgement, place, news);
  places.see(place, time);
  peers.see(place, key, time);
}

/** The episode of the strangest place stays; one that is over makes room. */
export function openEpisode(judgement: Judgement, place: Place, news: PlaceNews): void {
  const { state, time } = judgement;
  const { episode } = state;
  if (episode && !episode.isOver(time)) {
    if (episode.isAt(place)) return;
    if (news.points >= OTHER_PLACE_POINTS_MIN) episode.otherPlaces += 1;
    if (episode.otherPlaces >= OTHER_PLACES) episode.vote('fromManyPlaces');
    if (episode.points + PLACE_CHANGE_POINTS >= news.points) return;
  }
  const { network, country, asn } = place;
  state.episode = new Episode({ network, country, asn }, news.points, news.country, news.asn, time);
  noteVotes(judgement, votesOfOpening(judgement, place));
}

/** Whoever moves or travels is not at home any more; a thief does not keep the owner from his work. */
function votesOfOpening({ state, peers, time, pauseMs }: Judgement, place: Place): Vote[] {
  const votes: Vote[] = [];
  if (state.profile.busyHours(time, pauseMs) >= SILENT_HOURS) votes.push('ownerWasSilent');
  if (peers.strangeness(place, time).asn >= TELLING_STRANGENESS) votes.push('newToRegistry');
  return votes;
}

export function noteVotes({ state }: Judgement, votes: readonly Vote[]): void {
  for (const vote of votes) state.episode?.vote(vote);
}

/** What the use from the place adds to the open episode: use from there, or use from elsewhere at the same time. */
function noteEpisode({ state, time }: Judgement, place: UsagePlace, news: PlaceNews): void {
  const { episode } = state;
  if (!episode) return;
  if (episode.isOver(time)) {
    state.episode = undefined;
  } else if (episode.isAt(place)) {
    episode.lastUse = time;
    episode.hasNews = true;
    episode.pulls += place.pulls;
    episode.pushes += place.pushes;
    if (place.pushes > 0) episode.vote('writes');
  } else if (
    state.places.isSettled &&
    isHome(place, news) &&
    time - episode.lastUse < MEANWHILE_MS &&
    time > episode.since
  ) {
    episode.vote('usedAtHomeMeanwhile');
  }
}

/** Where the key was used before: another new place is no home. */
function isHome({ network }: Place, news: PlaceNews): boolean {
  return !news.asn && (!news.country || isIpv6(network));
}

/** Fires when place and votes together are enough; whether they were. */
export function judgeEpisode(judgement: Judgement): boolean {
  const { episode, places, profile } = judgement.state;
  // Only what is new fires: a use from there, or a use at home that shows that both are used at the same time.
  if (!episode?.hasNews) return false;
  episode.hasNews = false;
  const rule = ruleFor(episode);
  const score = episode.score;
  if (score < judgement.threshold(rule)) return false;
  const details = () => ({
    evidence: {
      ...episode.place,
      points: rounded(score),
      placePoints: rounded(episode.points),
      votes: episode.votes.map((vote) => ({ vote, points: VOTES[vote] })),
      pulls: episode.pulls,
      pushes: episode.pushes,
      newRepositories: episode.newRepositories,
      otherNewPlaces: episode.otherPlaces,
      since: new Date(episode.since).toISOString(),
    },
    baseline: {
      countries: places.countries.filter((one) => !episode.isNewCountry || one !== episode.place.country),
      asns: places.asns.filter((one) => !episode.isNewAsn || one !== episode.place.asn),
      pullsAnHour: rounded(profile.expected('pulls')),
      pushesAnHour: rounded(profile.expected('pushes')),
    },
  });
  // An episode is told once, whatever the window for repeats of other rules.
  judgement.fire(rule, details, 1, EPISODE_MS);
  return true;
}

function ruleFor({ votes, pushes }: Episode): RuleName {
  if (votes.includes('extraordinaryVolume') || votes.includes('enumerates'))
    return 'volume-from-unexpected-place';
  const writes = pushes > 0 || votes.includes('deletes');
  return writes ? 'push-from-unexpected-place' : 'use-from-unexpected-place';
}

function tellNews(judgement: Judgement, place: UsagePlace, news: PlaceNews, speed: number): void {
  const { network, country, asn } = place;
  const { places } = judgement.state;
  const details = () => ({
    evidence: { network, country, asn, ...(speed > 0 && { kilometresAnHour: Math.round(speed) }) },
    baseline: { countries: places.countries, asns: places.asns },
  });
  if (news.country) judgement.fire('new-country', details);
  if (news.asn) judgement.fire('new-asn', details);
  if (news.network) judgement.fire('new-network', details);
  if (speed > 0) judgement.fire('impossible-travel', details);
}
