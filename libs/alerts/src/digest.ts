import type { Decision, Fact, StreamKind } from '#libs/kernel';
import type { AlertConfiguration } from './configuration.js';
import type { Severity } from './rules.js';
import { isQuiet } from './settings.js';

/** More are counted, not named: a message has an end. */
export const DIGEST_NAMED_MAX = 50;

/** An alert that nobody was told of yet. */
export interface HeldAlert {
  readonly alert: string;
  readonly key: string | null;
  readonly rule: string;
  readonly severity: Severity;
  readonly count: number;
}

/** One message for all alerts that were kept back: low ones, and those of quiet hours. */
export type AlertsDigested = Fact<
  'AlertsDigested',
  {
    readonly at: string;
    readonly registry: string;
    /** The gravest first, at most DIGEST_NAMED_MAX. */
    readonly alerts: readonly HeldAlert[];
    /** How many there are, named or not. */
    readonly total: number;
    /** Commit position of the newest AlertRaised that is among them, decimal. */
    readonly until: string;
  }
>;

type DigestState = { readonly status: 'none' | 'made' };

/** Stream `digest-<registry>.<commit position of its oldest alert>`: so no alert stands in two of them. */
export const digests: StreamKind<DigestState, AlertsDigested> = {
  category: 'digest',
  initial: { status: 'none' },
  evolve: () => ({ status: 'made' }),
};

/** Makes the digest, unless another worker did. */
export function digestAlerts(data: AlertsDigested['data']): Decision<DigestState, AlertsDigested> {
  return ({ status }) => (status === 'none' ? [{ type: 'AlertsDigested', data }] : []);
}

/**
 * Whether an alert that is raised at `time` (ms since the epoch) waits for the digest: one of low severity does, and in quiet
 * hours every one but those of high severity.
 */
export function isHeld(
  severity: Severity,
  { settings, timeZone }: AlertConfiguration,
  time: number,
): boolean {
  if (severity === 'high') return false;
  if (severity === 'low') return true;
  return settings.quietHours !== null && isQuiet(settings.quietHours, timeZone, time);
}

const DAY_MS = 86_400_000;

/**
 * Whether the digest is due at `now`: never in quiet hours; with an alert of more than low severity as soon as they are over;
 * else once the clock of the registry has come past `digestAt` since the oldest of the alerts was raised (both ms since the
 * epoch).
 */
export function isDigestDue(
  { settings, timeZone }: AlertConfiguration,
  held: { readonly oldest: number; readonly isGrave: boolean },
  now: number,
): boolean {
  const { quietHours, digestAt } = settings;
  if (quietHours !== null && isQuiet(quietHours, timeZone, now)) return false;
  if (held.isGrave || now - held.oldest >= DAY_MS) return true;
  const [raised, clock] = [clockAt(timeZone, held.oldest), clockAt(timeZone, now)];
  const isNextDay = clock < raised;
  return isNextDay ? raised < digestAt || digestAt <= clock : raised < digestAt && digestAt <= clock;
}

/** `HH:MM` */
function clockAt(timeZone: string, time: number): string {
  const options = { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  return new Intl.DateTimeFormat('en-GB', options).format(new Date(time));
}
