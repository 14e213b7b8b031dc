import type { Vote } from './episode.js';
import { noteVotes, openEpisode, judgeEpisode } from './judge-place.js';
import type { Judgement } from './judgement.js';
import type { Place } from './place-news.js';
import type { RuleName } from './rules.js';
import type { RefusedUse } from './usage-input.js';

/** A place with fewer points is where the key may well be used: its pods retry a change that somebody made. */
const STRANGE_PLACE_POINTS = 1;
/** Where the key is accepted too, the place has to be this strange: a machine that moved is refused what it may not, as before. */
const STRANGE_EPISODE_POINTS = 4;

/** A refusal of a request that named the key. */
export function judgeRefusal(judgement: Judgement, refused: RefusedUse): void {
  if (judgement.settings.isCanary) return fireOn('canary-touched', judgement, refused);
  if (!refused.proven) return;
  const exact = exactRule(refused);
  if (exact) return fireOn(exact, judgement, refused);
  judgeBurst(judgement, refused);
}

/** The rule that a single refusal of a holder breaks. */
function exactRule({ reason, denied, action }: RefusedUse): RuleName | undefined {
  if (reason === 'revoked') return 'revoked-key-used';
  if (reason === 'expired') return 'expired-key-used';
  const writes = action === 'push' || action === 'delete';
  return reason === 'not_permitted' && denied === 'permission' && writes ? 'read-key-pushes' : undefined;
}

/** Refusals of a holder who is where the key never was: he tries what it is good for. */
function judgeBurst(judgement: Judgement, refused: RefusedUse): void {
  const { state, settings, peers, time } = judgement;
  if (!judgement.hasLearned) return;
  const place: Place = refused;
  const news = state.places.assess(place, settings, peers.know(place.asn, judgement.key, time));
  const episode =
    state.episode?.isOver(time) === false && state.episode.isAt(place) ? state.episode : undefined;
  const isUsedThere = episode !== undefined && episode.pulls + episode.pushes > 0;
  if (isUsedThere && episode.points < STRANGE_EPISODE_POINTS) return;
  if (!episode && news.points < STRANGE_PLACE_POINTS) return;
  if (!episode) openEpisode(judgement, place, news);
  const votes: Vote[] = ['wasRefused'];
  noteVotes(judgement, votes);
  judgeEpisode(judgement);
  const count = state.refusals.add(refused.count, time);
  if (count >= judgement.threshold('refusal-burst')) fireOn('refusal-burst', judgement, refused, { count });
}

function fireOn(
  rule: RuleName,
  judgement: Judgement,
  refused: RefusedUse,
  more: Readonly<Record<string, number>> = {},
): void {
  const { reason, action, repository, network, country, asn, client } = refused;
  const evidence = { reason, action, repository, network, country, asn, client, ...more };
  const { countries, asns } = judgement.state.places;
  judgement.fire(rule, () => ({ evidence, baseline: { countries, asns } }), refused.count);
}
