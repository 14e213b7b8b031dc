import { BlockList } from 'node:net';
import type { Place } from './place-news.js';
import { ruleOf, type RuleName } from './rules.js';

/** Addresses of one's own networks, which no database of countries knows: RFC 1918, 4193, 6598, loopback and link-local. */
const PRIVATE_NETWORKS = blockList([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  // ::1 as usage facts have it, truncated; all of ::/48 would hold every IPv4 address in its mapped form.
  '::/128',
  'fc00::/7',
  'fe80::/10',
])!;

/** What a registry, or a key, lays down for one rule; what is left out stays as it was. */
export interface RuleSettings {
  readonly enabled?: boolean;
  /** In the unit of the rule (`RULES[name].threshold`). */
  readonly threshold?: number;
  /** RFC 3339: the rule raises nothing for uses before this time. */
  readonly mutedUntil?: string | null;
}

/** Hours in which alerts below `high` wait for the digest, such as 22:00 to 07:00. */
export interface QuietHours {
  /** `HH:MM` of the registry's time zone; from later than until = over midnight. */
  readonly from: string;
  readonly until: string;
}

export interface AlertSettings {
  readonly rules: Readonly<Partial<Record<RuleName, RuleSettings>>>;
  /** Days of a key's use before novelty and volume are judged; 3 to 60. */
  readonly learningDays: number;
  /** Hours in which repeats fold into one alert; 1 to 720. */
  readonly foldHours: number;
  /** Countries (ISO 3166-1 alpha-2) and networks (CIDR) from which use is expected; both empty: whatever the key's habits are. */
  readonly expectedCountries: readonly string[];
  readonly expectedNetworks: readonly string[];
  readonly quietHours: QuietHours | null;
  /** `HH:MM` of the registry's time zone: when the digest of low alerts is sent. */
  readonly digestAt: string;
}

export const DEFAULT_ALERT_SETTINGS: AlertSettings = {
  rules: {},
  learningDays: 14,
  foldHours: 24,
  expectedCountries: [],
  expectedNetworks: [],
  quietHours: null,
  digestAt: '08:00',
};

/** What a key has of its own. */
export interface KeyAlertSettings {
  readonly rules?: AlertSettings['rules'];
  readonly expectedCountries?: readonly string[];
  readonly expectedNetworks?: readonly string[];
  /** The key grants nothing and was laid out to be found: any touch is an alert. */
  readonly canary?: boolean;
}

/** The settings of a key, made once for each set of settings: looking them up costs a property. */
export class ResolvedSettings {
  readonly learningMs: number;
  readonly foldMs: number;
  readonly isCanary: boolean;
  readonly #rules = new Map<RuleName, { readonly threshold: number; readonly mutedUntil: number } | null>();
  readonly #countries: ReadonlySet<string>;
  readonly #networks: BlockList | undefined;

  constructor(
    private readonly registry: AlertSettings = DEFAULT_ALERT_SETTINGS,
    private readonly key: KeyAlertSettings = {},
  ) {
    this.learningMs = registry.learningDays * 86_400_000;
    this.foldMs = registry.foldHours * 3_600_000;
    this.isCanary = key.canary === true;
    this.#countries = new Set(preferred(key.expectedCountries, registry.expectedCountries));
    this.#networks = blockList(preferred(key.expectedNetworks, registry.expectedNetworks));
  }

  /** The rule's threshold (1 where it has none); undefined: it is off, or muted at `time` (ms since the epoch). */
  threshold(name: RuleName, time: number): number | undefined {
    let rule = this.#rules.get(name);
    if (rule === undefined) this.#rules.set(name, (rule = this.#resolve(name)));
    return rule === null || time < rule.mutedUntil ? undefined : rule.threshold;
  }

  /** Whether what was declared says of this place that it is expected or not. Countries say nothing of a private address. */
  declares({ country, network }: Place): boolean {
    if (this.#networks) return true;
    return this.#countries.size > 0 && (country !== null || !isPrivate(network));
  }

  /** Whether use from there was declared as expected. */
  expects({ country, network }: Place): boolean {
    if (country !== null && this.#countries.has(country)) return true;
    return this.#networks !== undefined && isIn(this.#networks, network);
  }

  #resolve(name: RuleName) {
    const settings = { ...this.registry.rules[name], ...this.key.rules?.[name] };
    if (settings.enabled === false) return null;
    const { mutedUntil = null, threshold = ruleOf(name).threshold?.value ?? 1 } = settings;
    return { threshold, mutedUntil: mutedUntil === null ? -Infinity : Date.parse(mutedUntil) };
  }
}

/** Whether the time lies in the quiet hours. `timeZone` is an IANA name; throws RangeError on another text. */
export function isQuiet({ from, until }: QuietHours, timeZone: string, time: number): boolean {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(new Date(time));
  return from <= until ? from <= clock && clock < until : from <= clock || clock < until;
}

function preferred(own: readonly string[] | undefined, ofRegistry: readonly string[]): readonly string[] {
  return own !== undefined && own.length > 0 ? own : ofRegistry;
}

function isPrivate(network: string | null): boolean {
  return isIn(PRIVATE_NETWORKS, network);
}

function isIn(networks: BlockList, network: string | null): boolean {
  if (network === null) return false;
  const address = network.slice(0, network.indexOf('/'));
  return networks.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

/** Networks that cannot be read expect nothing. */
function blockList(networks: readonly string[]): BlockList | undefined {
  if (networks.length === 0) return undefined;
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    try {
      list.addSubnet(address, prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family);
    } catch {
      continue;
    }
  }
  return list;
}
