import { isRule, ruleOf, type AlertRaised, type HeldAlert } from '#libs/alerts';
import { oneLine } from '#libs/notifications';

type Details = AlertRaised['data']['evidence'];

/** What the words of the other fields say already, or what says nothing to people. */
const NOT_SEEN: ReadonlySet<string> = new Set([
  'network', 'country', 'asn', 'points', 'placePoints', 'votes', 'since',
]); // prettier-ignore
/** Names that a person reads in a message. */
const LISTED_MAX = 10;

/** An alert for people: what, where, what was seen, and what is usual for the key. Each is one line. */
export function alertWords(
  id: string,
  {
    rule,
    severity,
    evidence,
    baseline,
    next,
    count,
    since,
  }: Pick<AlertRaised['data'], 'rule' | 'severity' | 'evidence' | 'baseline' | 'next' | 'count' | 'since'>,
) {
  const { network, country, asn } = evidence;
  const named = typeof asn === 'number' ? `AS${asn}` : undefined;
  const place = [country, named, network].filter((part) => typeof part === 'string');
  return {
    alert: id,
    rule,
    severity,
    count,
    since,
    title: isRule(rule) ? ruleOf(rule).title : rule,
    where: oneLine(place.join(', ')),
    seen: words(evidence),
    usual: words(baseline),
    next: next[0] ?? 'keep',
  };
}

/** The alerts of a digest, as one line. */
export function digestWords(alerts: readonly HeldAlert[], total: number): string {
  const named = alerts.slice(0, LISTED_MAX).map(({ rule, severity, key, count }) => {
    const times = count > 1 ? `, ${count} times` : '';
    return `${rule} (${severity}${times})${key === null ? '' : ` of ${key}`}`;
  });
  const others = total - named.length;
  return [...named, ...(others > 0 ? [`and ${others} more`] : [])].join('; ');
}

/** `pushesAnHour: 1.4` becomes `pushes an hour 1.4`. */
function words(details: Details): string {
  const told = Object.entries(details).flatMap(([name, value]) => {
    if (NOT_SEEN.has(name) || value === null) return [];
    const label = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const list = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    const plain = list.filter((one) => ['string', 'number'].includes(typeof one));
    return plain.length === 0 ? [] : [`${label} ${plain.join(' ')}`];
  });
  return oneLine(told.join(', '));
}
