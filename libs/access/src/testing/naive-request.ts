import type { Action, Asked } from '../authorize.js';

const READING: Readonly<Record<string, Action>> = { GET: 'pull', HEAD: 'pull' };
const SESSION: Readonly<Record<string, Action>> = { GET: 'push', PATCH: 'push', PUT: 'push', DELETE: 'push' };

/**
 * A second reading of a request of the registry API, by splitting its path: what it asks for, or undefined. It shares
 * nothing with the parser, so that an error would have to be made twice. It takes paths that the parser refuses.
 */
export function naiveReading(method: string, url: string): Asked | undefined {
  const path = url.split('?')[0]!;
  const parts = path.split('/');
  if (parts[0] !== '' || parts[1] !== 'v2') return undefined;
  if (path === '/v2' || path === '/v2/') return withoutRepository(method, 'login');
  if (path === '/v2/_catalog') return withoutRepository(method, 'catalog');
  const [third, second, last] = parts.slice(-3) as [string, string, string];
  const isUpload = third === 'blobs' && second === 'uploads';
  const name = isUpload ? parts.slice(2, -3) : parts.slice(2, -2);
  if (name.length === 0 || !name.every((part) => /^[a-z0-9][a-z0-9._-]*$/.test(part))) return undefined;
  const actions = isUpload ? uploadActions(last) : actionsOn(second, last);
  const action = Object.hasOwn(actions, method) ? actions[method] : undefined;
  return action && { action, repository: name.join('/') };
}

function withoutRepository(method: string, action: Action): Asked | undefined {
  return method === 'GET' || method === 'HEAD' ? { action, repository: undefined } : undefined;
}

function uploadActions(session: string): Readonly<Record<string, Action>> {
  return session === '' ? { POST: 'push' } : SESSION;
}

function actionsOn(kind: string, name: string): Readonly<Record<string, Action>> {
  const isDigest = name.includes(':');
  if (kind === 'tags' && name === 'list') return READING;
  if (kind === 'referrers' && isDigest) return READING;
  if (kind === 'blobs' && isDigest) return { ...READING, DELETE: 'delete' };
  return kind === 'manifests' ? { ...READING, PUT: 'push', DELETE: 'delete' } : {};
}
