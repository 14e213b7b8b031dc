import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { stripPrefix, type RegistryRequest } from '#libs/access';

/**
 * The request headers that the registry gets from the client: those that describe the wanted or sent representation. All
 * others stay here: credentials, hop-by-hop headers, and whatever a registry or a proxy behind might trust
 * (`X-Forwarded-*`, `Forwarded`, `X-Real-IP`, `X-Original-*`, method overrides, user names). `Accept-Encoding` too: names
 * could not be found in a compressed answer.
 */
const REQUEST_HEADERS = [
  'accept',
  'accept-language',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'oci-subject',
  'range',
  'user-agent',
] as const;

/**
 * RFC 9110, section 7.6.1, plus headers by which a registry could speak in the gate's name, plus `Content-Location`, which no
 * registry client reads and which would name the place behind the gate.
 */
const RESPONSE_HEADERS_DROPPED: ReadonlySet<string> = new Set([
  'connection',
  'content-location',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
]);

const METHODS_WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
const FORM = /form/i;

/** Whether the request announces a body that has to be passed on. */
export function hasBody({ method, headers }: IncomingMessage): boolean {
  if (!METHODS_WITH_BODY.has(method!)) return false;
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * The headers of the request to the registry; `authorization` is the gate's own, if the registry wants one. Who the client is
 * and by which scheme it came, the gate has found out before.
 */
export function requestHeaders(
  { raw: request, clientAddress, clientScheme }: FastifyRequest,
  { kind }: RegistryRequest,
  upstreamHost: string,
  authorization: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { host: upstreamHost, 'accept-encoding': 'identity' };
  for (const name of REQUEST_HEADERS) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = String(value);
  }
  if (METHODS_WITH_BODY.has(request.method!)) {
    const length = request.headers['content-length'];
    if (length !== undefined) headers['content-length'] = length;
  }
  // The reference implementation would read `mount` and `from` of an upload's start from a form in the body, past our check.
  if (kind === 'upload-start' && FORM.test(headers['content-type'] ?? '')) {
    headers['content-type'] = 'application/octet-stream';
  }
  headers['x-forwarded-host'] = request.headers.host ?? '';
  headers['x-forwarded-proto'] = clientScheme;
  headers['x-forwarded-for'] = clientAddress;
  if (authorization !== undefined) headers['authorization'] = authorization;
  return headers;
}

/** Where the registry's answer points: into the client's own repositories, or to a place that the gate does not guard. */
export interface ResponseHeaders {
  readonly headers: IncomingHttpHeaders;
  /** The `Location` names another host, or a path outside the client's registry. */
  readonly location: 'none' | 'ours' | 'other-host' | 'other-path';
}

/**
 * The headers of the registry's answer as the client gets them. `Location` and `Link` become absolute paths, without scheme
 * and host, so that a client stays with the host and scheme by which it came, and without the prefix under which its
 * repositories stand behind the gate. `requestUrl` is what the registry behind was asked.
 */
export function responseHeaders(
  upstream: IncomingHttpHeaders,
  requestUrl: URL,
  prefix: string,
  clientHost: string | undefined,
): ResponseHeaders {
  const headers: IncomingHttpHeaders = {};
  const hopByHop = (upstream.connection ?? '').toLowerCase().split(/[\s,]+/);
  for (const [name, value] of Object.entries(upstream)) {
    const dropped = RESPONSE_HEADERS_DROPPED.has(name) || hopByHop.includes(name);
    if (!dropped && value !== undefined) headers[name] = value;
  }
  const link = headers['link'];
  delete headers['link'];
  // Two `Link` headers mean the same as one with both values, RFC 9110, section 5.3; two `Location` headers mean nothing.
  if (link !== undefined) Object.assign(headers, clientLink(String(link), requestUrl, prefix));
  if (headers.location === undefined) return { headers, location: 'none' };
  const target = typeof headers.location === 'string' ? urlOf(headers.location, requestUrl) : undefined;
  headers.location = clientPath(target, prefix);
  if (headers.location === undefined) return { headers, location: 'other-path' };
  const ours = target!.host === requestUrl.host || target!.host === clientHost?.toLowerCase();
  return { headers, location: ours ? 'ours' : 'other-host' };
}

/** Without the whole header when a target leads elsewhere: a client would take an empty one for the page it just read. */
function clientLink(link: string, requestUrl: URL, prefix: string): { link?: string } {
  let leadsAway = false;
  const rewritten = link.replace(/<([^>]*)>/g, (_, target: string) => {
    const path = clientPath(urlOf(target, requestUrl), prefix);
    leadsAway ||= path === undefined;
    return `<${path}>`;
  });
  return leadsAway ? {} : { link: rewritten };
}

/** With `.` and `..` resolved, so that no path under the prefix leads out of it. */
function urlOf(target: string, base: URL): URL | undefined {
  return URL.canParse(target, base.href) ? new URL(target, base) : undefined;
}

function clientPath(url: URL | undefined, prefix: string): string | undefined {
  return url && stripPrefix(url.pathname + url.search, prefix);
}
