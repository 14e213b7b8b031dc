import { prefixedMountQuery } from './blob-mount.js';
import { isRepository, REPOSITORY_LENGTH_MAX } from './registry-names.js';
import type { RegistryRequest, RequestRefusal } from './registry-request.js';

/** Where the registry API begins, in front of the gate as well as behind it. */
const API_ROOT = '/v2/';

/** What the registry behind the gate is asked. */
export interface UpstreamTarget {
  readonly path: string;
  /** With its leading `?`, or empty. */
  readonly query: string;
  /** `<slug>/` of the registry that is meant: path and mount name nothing outside it. */
  readonly prefix: string;
  /** The client's name for the repository, without the prefix. */
  readonly repository: string;
}

/**
 * The request as the store that all registries share is to see it: every repository gets the prefix of the registry that the
 * host names. Refuses a name that is too long with it. Throws on a request without a repository: it would concern the whole
 * store, and must not be passed on.
 */
export function addPrefix(
  { path, query, repository, mountFrom }: RegistryRequest,
  prefix: string,
): UpstreamTarget | RequestRefusal {
  if (repository === undefined) throw new Error('a request without a repository has no place under a prefix');
  if (!isRepository(prefix + repository)) return tooLong(REPOSITORY_LENGTH_MAX - prefix.length);
  return {
    path: API_ROOT + prefix + path.slice(API_ROOT.length),
    query: mountFrom === undefined ? query : prefixedMountQuery(query, prefix),
    prefix,
    repository,
  };
}

/** The client's path (a query may follow) for one of the registry behind; undefined when it leads out of the prefix. */
export function stripPrefix(upstreamPath: string, prefix: string): string | undefined {
  const root = API_ROOT + prefix;
  return upstreamPath.startsWith(root) ? API_ROOT + upstreamPath.slice(root.length) : undefined;
}

/** The grammar holds for the joined name when it holds for both parts; only the length can be wrong. */
function tooLong(charactersMax: number): RequestRefusal {
  return {
    kind: 'refused',
    status: 400,
    code: 'NAME_INVALID',
    message: `the repository name is too long: in this registry a name has at most ${charactersMax} characters`,
  };
}
