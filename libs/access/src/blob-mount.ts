import { isDigest, isRepository } from './registry-names.js';

/** What `POST …/blobs/uploads/` may be forwarded with. */
export interface CheckedMountQuery {
  /** With its leading `?`, or empty. */
  readonly query: string;
  /** Set when the query asks for a blob of that repository. */
  readonly mountFrom: string | undefined;
}

interface Parameter {
  readonly raw: string;
  readonly name: string;
  readonly value: string;
}

/**
 * Checks the query of `POST …/blobs/uploads/` (OCI distribution specification 1.1, "Mounting a blob from another repository").
 * A mount stays only when it is beyond doubt: `mount` and `from` once each, a digest and a repository name. Otherwise both are
 * taken out, so that the registry opens an ordinary upload session (202), which the specification lets it do at any mount and
 * which every client handles, whereas a 403 makes some give up the push. A parameter that two programs could read in
 * different ways (`;`, broken escapes, bytes that are not UTF-8) is taken out as well; all others stay as they came in.
 */
export function checkedMountQuery(query: string): CheckedMountQuery {
  if (query === '') return { query, mountFrom: undefined };
  const parameters = readParameters(query);
  const mounts = parameters.filter(({ name }) => name === 'mount');
  const froms = parameters.filter(({ name }) => name === 'from');
  const [mount, from] = [mounts[0], froms[0]];
  const onceEach = mounts.length === 1 && froms.length === 1;
  if (onceEach && isDigest(mount!.value) && isRepository(from!.value)) {
    return { query: joined(parameters), mountFrom: from!.value };
  }
  return { query: withoutMount(parameters), mountFrom: undefined };
}

/**
 * The query of a mount that `checkedMountQuery` let stand, with the prefix before the repository that it copies from, so that
 * a blob of another registry cannot be meant. A name that becomes too long by it exists nowhere: the mount is taken out.
 */
export function prefixedMountQuery(query: string, prefix: string): string {
  const parameters = readParameters(query);
  const from = parameters.find(({ name }) => name === 'from')!;
  const prefixed = prefix + from.value;
  if (!isRepository(prefixed)) return withoutMount(parameters);
  return joined(
    parameters.map((parameter) => (parameter === from ? { raw: `from=${prefixed}` } : parameter)),
  );
}

/**
 * The query of a mount that `checkedMountQuery` let stand, without the mount: for a key that may not pull from where the blob
 * is. The registry then opens an ordinary upload session.
 */
export function queryWithoutMount(query: string): string {
  return withoutMount(readParameters(query));
}

function readParameters(query: string): Parameter[] {
  const parameters = query.slice(1).split('&').map(readParameter);
  return parameters.filter((parameter) => parameter !== undefined);
}

function readParameter(raw: string): Parameter | undefined {
  if (raw === '' || raw.includes(';')) return undefined;
  const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(raw) ?? [];
  try {
    return { raw, name: decode(name), value: decode(value) };
  } catch {
    return undefined;
  }
}

/** As in HTML forms: `+` is a space. Throws on a broken escape and on bytes that are not UTF-8. */
function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

function withoutMount(parameters: readonly Parameter[]): string {
  return joined(parameters.filter(({ name }) => name !== 'mount' && name !== 'from'));
}

function joined(parameters: readonly { readonly raw: string }[]): string {
  return parameters.length === 0 ? '' : `?${parameters.map(({ raw }) => raw).join('&')}`;
}
