import {
  configurationAfter,
  DEFAULT_CONFIGURATION,
  isConfigurationFact,
  type AlertConfiguration,
} from './configuration.js';
import { Detector, DETECTOR_VERSION, type DetectorSnapshot } from './detector.js';
import type { Finding } from './finding.js';
import type { KeyStateSnapshot } from './key-state.js';
import type { RuleName } from './rules.js';
import { ResolvedSettings, type KeyAlertSettings } from './settings.js';
import type { UsageInput } from './usage-input.js';

/** Categories of streams whose facts the rules need, in the order of the log. */
export const WATCHED_CATEGORIES = ['registry', 'key', 'usage'] as const;

/** A fact of the log, as far as it is read here. */
export interface WatchedFact {
  readonly type: string;
  readonly category: string;
  readonly id: string;
  readonly data: object;
}

/** What the facts of a key say about its alerts. */
interface KeyTold {
  readonly registry: string;
  readonly canary?: boolean;
  readonly expectedCountries?: readonly string[];
  readonly changes?: { readonly expectedCountries?: readonly string[] };
}

/** What somebody would like to see tried out: it holds from the beginning, in place of what was laid down. */
export type Override = (laidDown: AlertConfiguration) => AlertConfiguration;

/**
 * All rules for one registry: a fold over its facts, which also say what is laid down for the rules. So a replay needs nothing
 * but the log, and finds what the live run found.
 */
export class RegistryWatch {
  readonly #detector: Detector;
  #configuration: AlertConfiguration;
  /** What keys have of their own; most have nothing. */
  readonly #own: Map<string, KeyAlertSettings>;
  /** Made from what is laid down, and again when that changes. */
  #current: AlertConfiguration | undefined;
  readonly #resolved = new Map<string | null, ResolvedSettings>();
  #touched = new Set<string>();
  #newest = 0;

  constructor(
    readonly registry: string,
    snapshot?: WatchSnapshot,
    private readonly override: Override = (laidDown) => laidDown,
  ) {
    const keys = snapshot?.keys.flatMap(({ key, state }): [string, KeyStateSnapshot][] =>
      state ? [[key, state]] : [],
    );
    this.#detector = new Detector(registry, snapshot && { ...snapshot.detector, keys: keys ?? [] });
    this.#configuration = snapshot?.configuration ?? DEFAULT_CONFIGURATION;
    this.#own = new Map(snapshot?.keys.flatMap(({ key, own }) => (own ? [[key, own] as const] : [])));
  }

  /** What is laid down, or tried out. */
  get configuration(): AlertConfiguration {
    return this.override(this.#configuration);
  }

  apply(fact: WatchedFact): readonly Finding[] {
    if (fact.category === 'usage') return this.#judge(fact as unknown as UsageInput);
    if (fact.category === 'key') this.#learn(fact.id, fact.type, fact.data as KeyTold);
    else if (isConfigurationFact(fact)) {
      this.#configuration = configurationAfter(this.#configuration, fact);
      this.#resolved.clear();
      this.#current = undefined;
    }
    return [];
  }

  /** What has changed since the last call, to be kept: the registry's part, and the keys. */
  takeChanges(): WatchSnapshot {
    const gone = this.#detector.takeForgotten();
    const ids = new Set([...this.#touched, ...gone]);
    this.#touched = new Set();
    const keys = [...ids].map((key) => ({
      key,
      state: this.#detector.stateOf(key)?.snapshot() ?? null,
      own: this.#own.get(key) ?? null,
    }));
    const detector = this.#detector.snapshot(this.#newest, []);
    return { detector, configuration: this.#configuration, keys };
  }

  #judge(fact: UsageInput): readonly Finding[] {
    const { key } = fact.data;
    if (key !== null) this.#touched.add(key);
    this.#newest = Math.max(
      this.#newest,
      Date.parse(fact.type === 'KeyUsageRecorded' ? fact.data.minute : fact.data.last),
    );
    return withoutEchoes(this.#detector.apply(fact, this.#settingsOf(key)));
  }

  #learn(key: string, type: string, { canary, expectedCountries, changes }: KeyTold): void {
    const countries = type === 'KeyChanged' ? changes?.expectedCountries : expectedCountries;
    if (type !== 'KeyGenerated' && countries === undefined) return;
    const before = this.#own.get(key);
    const own = { ...before, ...(canary && { canary }), expectedCountries: countries ?? [] };
    if (!own.canary && own.expectedCountries.length === 0 && !before) return;
    this.#own.set(key, own);
    this.#resolved.delete(key);
    this.#touched.add(key);
  }

  /** Keys without anything of their own share what the registry has. */
  #settingsOf(key: string | null): ResolvedSettings {
    const own = key === null ? undefined : this.#own.get(key);
    const { settings, keys } = (this.#current ??= this.configuration);
    const rules = key === null ? undefined : keys[key];
    const name = own || rules ? key : null;
    let resolved = this.#resolved.get(name);
    if (!resolved) {
      resolved = new ResolvedSettings(settings, { ...own, ...(rules && { rules }) });
      this.#resolved.set(name, resolved);
    }
    return resolved;
  }
}

/**
 * Novelty is told once, and not beside the alert about an unexpected place, in which it stands as evidence; nor are its repeats,
 * which might be those of one that was not told.
 */
const ECHOES: ReadonlySet<RuleName> = new Set<RuleName>([
  'new-country',
  'new-asn',
  'new-network',
  'new-client',
  'impossible-travel',
]);
const FROM_UNEXPECTED_PLACE = /-from-unexpected-place$/;

function withoutEchoes(found: readonly Finding[]): readonly Finding[] {
  if (found.length === 0) return found;
  const isUnexpected = found.some(({ rule }) => FROM_UNEXPECTED_PLACE.test(rule));
  return found.filter(({ rule, isNew }) => !ECHOES.has(rule) || (isNew && !isUnexpected));
}

/** JSON. The keys are kept one by one, so that a change costs what it changes. */
export interface WatchSnapshot {
  /** Without keys. */
  readonly detector: DetectorSnapshot;
  readonly configuration: AlertConfiguration;
  readonly keys: readonly {
    readonly key: string;
    /** null: it was never used, or is forgotten. */
    readonly state: KeyStateSnapshot | null;
    readonly own: KeyAlertSettings | null;
  }[];
}
/** Snapshots of another one are not read: the state is then folded anew. */
export const WATCH_VERSION = `${DETECTOR_VERSION}.1`;

/** The registry that a fact is about; undefined: of none. */
export function registryOf({ category, id, data }: WatchedFact): string | undefined {
  if (category === 'registry') return id;
  const { registry } = data as { registry?: unknown };
  return typeof registry === 'string' ? registry : undefined;
}
