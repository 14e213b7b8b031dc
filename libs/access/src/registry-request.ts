import type { Action } from './authorize.js';
import { checkedMountQuery } from './blob-mount.js';
import { isDigest, isReference, isRepository, isUploadSession } from './registry-names.js';

/**
 * A request of the registry API (OCI distribution specification 1.1, section "Endpoints"), as the client means it. What goes
 * to the registry behind is made from it by repository-prefix.ts.
 */
export interface RegistryRequest {
  readonly kind: RouteKind;
  readonly action: Action;
  /** undefined for `base` and `catalog`. */
  readonly repository: string | undefined;
  /** The repository that a blob mount copies from: it needs the right to pull. Only on `upload-start`. */
  readonly mountFrom: string | undefined;
  /** The path exactly as it came in. */
  readonly path: string;
  /** With its leading `?`, or empty; as it came in, but for a mount that was taken out (see blob-mount.ts). */
  readonly query: string;
}

/** Why a request is no request of the registry API. Says nothing about what exists. */
export interface RequestRefusal {
  readonly kind: 'refused';
  readonly status: 400 | 404 | 405;
  /** A code of the specification's error list. */
  readonly code:
    'NAME_INVALID' | 'MANIFEST_INVALID' | 'DIGEST_INVALID' | 'BLOB_UPLOAD_INVALID' | 'UNSUPPORTED';
  readonly message: string;
  /** Value of the `Allow` header that belongs to a 405. */
  readonly allow?: string;
}

type RouteKind =
  'base' | 'catalog' | 'tags' | 'manifest' | 'blob' | 'referrers' | 'upload-start' | 'upload-session';

interface Route {
  readonly kind: RouteKind;
  readonly repository?: string;
}

/** Node's HTTP parser lets header and path take 16 KiB together; no registry needs paths and queries near that. */
const URL_LENGTH_MAX = 8192;
/** Printable ASCII without `%` (an encoded path could mean another one upstream) and `\`. */
const PATH = /^\/v2(?:\/[!-$&-[\]-~]*)?$/;
const QUERY = /^\?[!"$-~]*$/;
const TAGS = '/tags/list';

const ACTIONS: Readonly<Record<RouteKind, Readonly<Record<string, Action>>>> = {
  base: { GET: 'login', HEAD: 'login' },
  catalog: { GET: 'catalog', HEAD: 'catalog' },
  tags: { GET: 'pull', HEAD: 'pull' },
  manifest: { GET: 'pull', HEAD: 'pull', PUT: 'push', DELETE: 'delete' },
  blob: { GET: 'pull', HEAD: 'pull', DELETE: 'delete' },
  referrers: { GET: 'pull', HEAD: 'pull' },
  'upload-start': { POST: 'push' },
  'upload-session': { GET: 'push', PATCH: 'push', PUT: 'push', DELETE: 'push' },
};

/**
 * Reads a method and a raw request target, strictly: what is not plainly a request of the registry API is refused, so that
 * the registry behind never understands a path in another way than the decision did. The last marker wins: `a/manifests/b`
 * is a valid repository name.
 */
export function parseRegistryRequest(method: string, url: string): RegistryRequest | RequestRefusal {
  const queryAt = url.indexOf('?');
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  const query = queryAt === -1 ? '' : url.slice(queryAt);
  if (url.length > URL_LENGTH_MAX) return refusal(400, 'UNSUPPORTED', 'the URL is too long');
  if (!PATH.test(path) || path.includes('//') || path.includes('..')) {
    return refusal(400, 'NAME_INVALID', 'the path is not a plain path of the registry API');
  }
  if (query !== '' && !QUERY.test(query)) {
    return refusal(400, 'UNSUPPORTED', 'the query contains characters that must be percent-encoded');
  }
  const route = readRoute(path);
  if (route.kind === 'refused') return route;
  // Object.hasOwn: a method named like something that every object has must not be found.
  const action = Object.hasOwn(ACTIONS[route.kind], method) ? ACTIONS[route.kind][method] : undefined;
  if (action === undefined) return methodRefusal(route.kind);
  const { kind, repository } = route;
  const checked = kind === 'upload-start' ? checkedMountQuery(query) : { query, mountFrom: undefined };
  return { kind, action, repository, path, ...checked };
}

function readRoute(path: string): Route | RequestRefusal {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  if (path.endsWith(TAGS)) return named('tags', path, path.length - TAGS.length);
  const lastSlash = path.lastIndexOf('/');
  const last = path.slice(lastSlash + 1);
  const parents = path.slice(0, lastSlash);
  if (parents.endsWith('/blobs/uploads')) return uploadRoute(path, lastSlash - '/blobs/uploads'.length, last);
  if (parents.endsWith('/manifests')) {
    if (!isReference(last)) return refusal(400, 'MANIFEST_INVALID', 'this is neither a tag nor a digest');
    return named('manifest', path, lastSlash - '/manifests'.length);
  }
  if (parents.endsWith('/blobs')) return digestRoute('blob', path, lastSlash - '/blobs'.length, last);
  if (parents.endsWith('/referrers'))
    return digestRoute('referrers', path, lastSlash - '/referrers'.length, last);
  return refusal(404, 'UNSUPPORTED', 'the registry API has no such path');
}

function uploadRoute(path: string, nameEnd: number, session: string): Route | RequestRefusal {
  if (session === '') return named('upload-start', path, nameEnd);
  if (!isUploadSession(session)) return refusal(400, 'BLOB_UPLOAD_INVALID', 'this is no upload session');
  return named('upload-session', path, nameEnd);
}

function digestRoute(kind: RouteKind, path: string, nameEnd: number, digest: string): Route | RequestRefusal {
  return isDigest(digest)
    ? named(kind, path, nameEnd)
    : refusal(400, 'DIGEST_INVALID', 'this is not a digest');
}

/** The repository stands between `/v2/` and the marker that begins at `nameEnd`. */
function named(kind: RouteKind, path: string, nameEnd: number): Route | RequestRefusal {
  const repository = path.slice('/v2/'.length, nameEnd);
  if (!isRepository(repository)) return refusal(400, 'NAME_INVALID', 'the repository name is invalid');
  return { kind, repository };
}

function methodRefusal(kind: RouteKind): RequestRefusal {
  const allow = Object.keys(ACTIONS[kind]).join(', ');
  return { ...refusal(405, 'UNSUPPORTED', 'this path does not support the method'), allow };
}

function refusal(
  status: RequestRefusal['status'],
  code: RequestRefusal['code'],
  message: string,
): RequestRefusal {
  return { kind: 'refused', status, code, message };
}
