import { Raised, type Finding, type RaisedSnapshot } from './finding.js';
import { judgeRefusal } from './judge-refusal.js';
import { judgeUse } from './judge-use.js';
import { fire, Judgement } from './judgement.js';
import { KeyState, type KeyStateSnapshot } from './key-state.js';
import { Peers, type PeersSnapshot } from './peers.js';
import { Recent, type RecentSnapshot } from './recent.js';
import type { ResolvedSettings } from './settings.js';
import type { RefusedUse, UsageInput } from './usage-input.js';

/** Keys of a registry that are remembered; beyond, the one not used for the longest time is forgotten, and learns anew. */
export const KEYS_REMEMBERED_MAX = 100_000;
/** One credential from each of many places is guessing, too: this much of each fact counts, whatever it tried. */
const FACT_SHARE = 0.3;
/** For `Detector.snapshot`: another one whenever the rules judge otherwise. A snapshot of other rules is not read. */
export const DETECTOR_VERSION = 2;

/**
 * All rules for the keys of one registry, as a fold over the facts of its `usage-…` streams in the order of the log: the same
 * code live, in replay and in the evaluation. What it finds depends on nothing but the facts and the settings. A snapshot
 * restored goes on exactly as the original would.
 */
export class Detector {
  readonly #keys = new Map<string, KeyState>();
  readonly #peers: Peers;
  readonly #strangers: Recent;
  readonly #raised: Raised;
  #forgotten = new Set<string>();

  constructor(
    readonly registry: string,
    snapshot?: DetectorSnapshot,
  ) {
    this.#peers = new Peers(snapshot?.peers);
    this.#strangers = new Recent(snapshot?.strangers);
    this.#raised = new Raised(snapshot?.raised);
    for (const [key, state] of snapshot?.keys ?? []) this.#keys.set(key, new KeyState(state));
  }

  /** JSON, with these keys. `time` (ms): windows that are over by then are left out. */
  snapshot(time: number, keys: Iterable<string> = this.#keys.keys()): DetectorSnapshot {
    return {
      version: DETECTOR_VERSION,
      peers: this.#peers.snapshot(),
      strangers: this.#strangers.snapshot(),
      raised: this.#raised.snapshot(time),
      keys: [...keys].flatMap((key): DetectorSnapshot['keys'] => {
        const state = this.#keys.get(key);
        return state ? [[key, state.snapshot()]] : [];
      }),
    };
  }

  /** The state of a key; undefined: it was never used, or is forgotten. */
  stateOf(key: string): KeyState | undefined {
    return this.#keys.get(key);
  }

  /** Forgets a key that has ended for good; uses of it start anew. */
  forget(key: string): void {
    this.#keys.delete(key);
  }

  /** The keys that were forgotten since the last call. */
  takeForgotten(): ReadonlySet<string> {
    const forgotten = this.#forgotten;
    this.#forgotten = new Set();
    return forgotten;
  }

  /** `settings` are those of the fact's key, or of the registry where it names none. The findings are new alerts or repeats. */
  apply(fact: UsageInput, settings: ResolvedSettings): readonly Finding[] {
    if (fact.type === 'KeyUsageRecorded') {
      const judgement = this.#judgement(fact.data.key, Date.parse(fact.data.minute), settings);
      judgeUse(judgement, fact.data);
      return judgement.found;
    }
    const { key, proven, last } = fact.data;
    const strangers = proven ? [] : this.#judgeStranger(fact.data, settings);
    if (key === null || (!proven && !settings.isCanary)) return strangers;
    const judgement = this.#judgement(key, Date.parse(last), settings);
    judgeRefusal(judgement, fact.data);
    return [...strangers, ...judgement.found];
  }

  #judgement(key: string, time: number, settings: ResolvedSettings): Judgement {
    let state = this.#keys.get(key);
    if (!state) {
      if (this.#keys.size >= KEYS_REMEMBERED_MAX) this.#forgetOldest();
      this.#keys.set(key, (state = new KeyState()));
    }
    return new Judgement(this.registry, key, state, this.#peers, settings, Math.max(time, state.lastUse));
  }

  #forgetOldest(): void {
    let [oldest, lastUse] = ['', Infinity];
    for (const [key, state] of this.#keys)
      if (state.lastUse < lastUse) [oldest, lastUse] = [key, state.lastUse];
    this.#keys.delete(oldest);
    this.#forgotten.add(oldest);
  }

  /** Whoever has no secret is counted for the registry: an alert on a key would be in the hands of anybody who knows its id. */
  #judgeStranger(refused: RefusedUse, settings: ResolvedSettings): readonly Finding[] {
    const at = Date.parse(refused.last);
    const credentials = this.#strangers.add(refused.credentials - 1 + FACT_SHARE, at);
    if (credentials < (settings.threshold('stuffing', at) ?? Infinity)) return [];
    const { network, country, asn, client, reason } = refused;
    const about = { registry: this.registry, key: null, at, foldMs: settings.foldMs };
    const details = () => ({
      evidence: { credentials: Math.round(credentials), reason, network, country, asn, client },
      baseline: {},
    });
    const found = fire('stuffing', this.#raised, settings, about, details, refused.count);
    return found ? [found] : [];
  }
}

export interface DetectorSnapshot {
  readonly version: typeof DETECTOR_VERSION;
  readonly peers: PeersSnapshot;
  readonly strangers: RecentSnapshot;
  readonly raised: RaisedSnapshot;
  readonly keys: [key: string, state: KeyStateSnapshot][];
}
