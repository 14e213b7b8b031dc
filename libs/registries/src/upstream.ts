/** Longer than any address of a registry: a DNS name of 253 characters, scheme and port. */
export const UPSTREAM_LENGTH_MAX = 300;
/** Host and port; a slash at the end says nothing. Brackets hold an IPv6 address. */
const ORIGIN = /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?\/?$/i;

/** Why this cannot be the registry behind the gate; undefined when it can. Never repeats the text: it may hold a password. */
export function upstreamProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.username !== '' || url.password !== '')) {
    return 'an upstream has no user and password: they would stand in the event log for ever';
  }
  if (url && url.protocol !== 'http:' && url.protocol !== 'https:')
    return 'an upstream is reached by http or https';
  if (!url || text.length > UPSTREAM_LENGTH_MAX || !ORIGIN.test(text)) {
    return 'an upstream is of the form http://host:5000, without path, query and fragment';
  }
  return undefined;
}

/** The form that is stored: lower case, without the scheme's own port, so that two texts for one place are equal. */
export function upstreamOrigin(text: string): string {
  return new URL(text).origin;
}
