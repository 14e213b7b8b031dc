const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HOST_LENGTH_MAX = 253;
/** An IPv6 address in brackets; the exact form is the operator's. */
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/;

/** Names that stand for the machine itself: the bootstrap registry alone answers on them. */
export const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '[::1]'] as const;

/** Why a custom host (normalized: lower case, no port, no trailing dot) cannot be added; undefined when it can. */
export function hostProblem(host: string, registryDomain: string): string | undefined {
  if (host.length > HOST_LENGTH_MAX) return `a host has at most ${HOST_LENGTH_MAX} characters`;
  if (!IPV6.test(host) && !host.split('.').every((label) => LABEL.test(label))) {
    return 'a host is a DNS name or an IP address, in lower case, without port and scheme';
  }
  if (host === registryDomain || host.endsWith(`.${registryDomain}`)) {
    return `names under ${registryDomain} are given by slug`;
  }
  return undefined;
}
