const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HOST_LENGTH_MAX = 253;
/** An IPv6 address in brackets; which of its forms is left to the URL standard. */
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/;

/** Names that stand for the machine itself: the bootstrap registry alone answers on them. */
export const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '[::1]'] as const;

/** Why a custom host (normalized: lower case, no port, no trailing dot) cannot be added; undefined when it can. */
export function hostProblem(host: string, registryDomain: string): string | undefined {
  if (host.length > HOST_LENGTH_MAX) return `a host has at most ${HOST_LENGTH_MAX} characters`;
  if (/[^\0-\x7f]/.test(host)) return 'an international name is given in its xn-- form';
  if (!IPV6.test(host) && !host.split('.').every((label) => LABEL.test(label))) {
    return 'a host is a DNS name or an IP address, in lower case, without scheme, port and final dot';
  }
  if (!isCanonical(host)) return 'an IP address is given in its usual form, an xn-- label as DNS has it';
  if (host === registryDomain || host.endsWith(`.${registryDomain}`)) {
    return `names under ${registryDomain} are given by slug`;
  }
  return undefined;
}

/** Whether the host, which must be one, is an IP address. */
export function isAddress(host: string): boolean {
  return IPV6.test(host) || /^[0-9.]+$/.test(host);
}

/**
 * Clients write an address as the URL standard does, so only that form is ever met: `127.1`, `0x7f.1` and `[0::1]` stand for
 * addresses that another registry may have in their usual form. The same test refuses 999.1.1.1, `[::g]` and broken xn-- labels.
 */
function isCanonical(host: string): boolean {
  const url = `http://${host}`;
  return URL.canParse(url) && new URL(url).hostname === host;
}
