import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseRegistryRequest, type RegistryRequest } from './registry-request.js';
import { naiveReading } from './testing/naive-request.js';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

function parsed(method: string, url: string): RegistryRequest {
  const request = parseRegistryRequest(method, url);
  if (request.kind === 'refused') throw new Error(`refused: ${request.message}`);
  return request;
}

describe('a registry request', () => {
  it.each([
    ['GET', '/v2/', 'base', 'login', undefined],
    ['HEAD', '/v2/', 'base', 'login', undefined],
    ['GET', '/v2/_catalog?n=100', 'catalog', 'catalog', undefined],
    ['GET', '/v2/a/tags/list', 'tags', 'pull', 'a'],
    ['GET', '/v2/team/api/manifests/latest', 'manifest', 'pull', 'team/api'],
    ['HEAD', `/v2/a/manifests/${DIGEST}`, 'manifest', 'pull', 'a'],
    ['PUT', '/v2/a/manifests/v1.0_x', 'manifest', 'push', 'a'],
    ['DELETE', `/v2/a/manifests/${DIGEST}`, 'manifest', 'delete', 'a'],
    ['GET', `/v2/a/blobs/${DIGEST}`, 'blob', 'pull', 'a'],
    ['HEAD', `/v2/a/blobs/${DIGEST}`, 'blob', 'pull', 'a'],
    ['DELETE', `/v2/a/blobs/${DIGEST}`, 'blob', 'delete', 'a'],
    ['GET', `/v2/a/referrers/${DIGEST}?artifactType=x`, 'referrers', 'pull', 'a'],
    ['POST', '/v2/a/blobs/uploads/', 'upload-start', 'push', 'a'],
    ['PATCH', '/v2/a/blobs/uploads/5f-1?_state=x%3D', 'upload-session', 'push', 'a'],
    ['PUT', `/v2/a/blobs/uploads/5f-1?digest=${DIGEST}`, 'upload-session', 'push', 'a'],
    ['GET', '/v2/a/blobs/uploads/5f-1', 'upload-session', 'push', 'a'],
    ['DELETE', '/v2/a/blobs/uploads/5f-1', 'upload-session', 'push', 'a'],
    // The last marker wins.
    ['GET', '/v2/a/manifests/b/manifests/latest', 'manifest', 'pull', 'a/manifests/b'],
    ['GET', '/v2/a/manifests/b/tags/list', 'tags', 'pull', 'a/manifests/b'],
    ['POST', '/v2/blobs/uploads/blobs/uploads/', 'upload-start', 'push', 'blobs/uploads'],
    ['PUT', '/v2/blobs/uploads/manifests/x', 'manifest', 'push', 'blobs/uploads'],
    ['GET', '/v2/tags/list/tags/list', 'tags', 'pull', 'tags/list'],
    ['DELETE', `/v2/a/blobs/uploads/blobs/${DIGEST}`, 'blob', 'delete', 'a/blobs/uploads'],
    ['GET', '/v2/a-b--c.d_e__f/manifests/x', 'manifest', 'pull', 'a-b--c.d_e__f'],
    ['GET', `/v2/${'a'.repeat(255)}/manifests/x`, 'manifest', 'pull', 'a'.repeat(255)],
  ])('%s %s is %s: %s', (method, url, kind, action, repository) => {
    expect(parsed(method, url)).toMatchObject({ kind, action, repository });
  });

  it.each([
    '/v2/../v2/a/manifests/x',
    '/v2/a/../b/manifests/x',
    '/v2/a/./manifests/x/y',
    '/v2//a/manifests/x',
    '//v2/',
    '/v2/a//manifests/x',
    '/v2/a%2fb/manifests/x',
    '/v2/a/%2e%2e/manifests/x',
    '/v2/a/manifests/%zz',
    '/v2/a/manifests/%00',
    '/v2/é/manifests/x',
    '/v2/a\\b/manifests/x',
    '/v2/A/manifests/x',
    '/v2/a./manifests/x',
    '/v2/a..b/manifests/x',
    '/v2/a___b/manifests/x',
    '/v2/-a/manifests/x',
    '/v2/manifests/x',
    '/v2/tags/list',
    '/v2/blobs/uploads/',
    `/v2/${'a'.repeat(256)}/manifests/x`,
    '/v2/a/manifests/',
    '/v2/a/manifests/.x',
    `/v2/a/manifests/${'t'.repeat(129)}`,
    '/v2/a/manifests/sha256:abc',
    '/v2/a/blobs/uploads',
    '/v2/a/blobs/latest',
    `/v2/a/blobs/${DIGEST.toUpperCase()}`,
    `/v2/a/blobs/${DIGEST}/`,
    '/v2/a/blobs/uploads/x/y',
    '/v2/a/blobs/uploads/..',
    '/v2/a/tags/list/',
    '/v2/a/tags',
    '/v2/a',
    '/v2/_catalog/',
    '/V2/',
    '/v1/',
    '/v2/#',
    '/v2/a/manifests/x#y',
    '/v2/?a#b',
    '/v2/?a b',
    '/v2/?é',
    'http://other.example/v2/',
    '*',
    '',
    `/v2/?${'q'.repeat(9000)}`,
  ])('GET %s is refused', (url) => {
    expect(parseRegistryRequest('GET', url)).toMatchObject({ kind: 'refused' });
  });

  it.each(['/v2/a/blobs/uploads//', '/v2/a/manifests/v1..2', '/v2/a/manifests/%61'])(
    'GET %s is refused for its path, before anything is read from it',
    (url) => {
      expect(parseRegistryRequest('GET', url)).toMatchObject({ status: 400, code: 'NAME_INVALID' });
    },
  );

  it.each([
    ['POST', '/v2/', 'GET, HEAD'],
    ['OPTIONS', '/v2/a/manifests/x', 'GET, HEAD, PUT, DELETE'],
    ['POST', '/v2/a/manifests/x', 'GET, HEAD, PUT, DELETE'],
    ['PATCH', `/v2/a/blobs/${DIGEST}`, 'GET, HEAD, DELETE'],
    ['GET', '/v2/a/blobs/uploads/', 'POST'],
    ['get', '/v2/', 'GET, HEAD'],
    ['constructor', '/v2/', 'GET, HEAD'],
    ['__proto__', '/v2/', 'GET, HEAD'],
  ])('%s %s is refused with the methods allowed', (method, url, allow) => {
    expect(parseRegistryRequest(method, url)).toMatchObject({ kind: 'refused', status: 405, allow });
  });

  it('keeps the path and every other query exactly as they came in', () => {
    const url = '/v2/a/blobs/uploads/5f-1?_state=a%2Bb%3D%3D&&x=%zz&digest=sha256%3Aabc;y';
    expect(parsed('PUT', url)).toMatchObject({
      path: '/v2/a/blobs/uploads/5f-1',
      query: '?_state=a%2Bb%3D%3D&&x=%zz&digest=sha256%3Aabc;y',
      mountFrom: undefined,
    });
  });
});

describe('a blob mount', () => {
  const start = '/v2/a/blobs/uploads/';

  it.each([`?mount=${DIGEST}&from=team/base`, `?from=team%2Fbase&mount=${encodeURIComponent(DIGEST)}`])(
    'is passed on as it came in when it is beyond doubt: %s',
    (query) => {
      expect(parsed('POST', start + query)).toMatchObject({ query, mountFrom: 'team/base' });
    },
  );

  it.each([
    ['without from', `?mount=${DIGEST}`, ''],
    ['without mount', '?from=b', ''],
    ['with two froms', `?mount=${DIGEST}&from=b&from=c`, ''],
    ['with two mounts', `?mount=${DIGEST}&mount=${DIGEST}&from=b`, ''],
    ['with a second from in an encoded name', `?mount=${DIGEST}&from=b&fr%6Fm=c`, ''],
    ['with a from that is no repository', `?mount=${DIGEST}&from=../b`, ''],
    ['with an upper-case from', `?mount=${DIGEST}&from=B`, ''],
    ['with an empty from', `?mount=${DIGEST}&from=`, ''],
    ['with a from encoded twice', `?mount=${DIGEST}&from=team%252Fbase`, ''],
    ['with a mount that is no digest', '?mount=latest&from=b', ''],
    ['with a broken escape', `?mount=${DIGEST}&from=b%zz`, ''],
    ['with bytes that are not UTF-8', `?mount=${DIGEST}&from=b%ff`, ''],
    ['with a semicolon', `?mount=${DIGEST};from=b`, ''],
    ['beside another parameter', `?mount=${DIGEST}&x=%41&from=B&y`, '?x=%41&y'],
  ])('is taken out of the query %s', (_, query, left) => {
    expect(parsed('POST', start + query)).toMatchObject({ query: left, mountFrom: undefined });
  });

  it('is not looked for at other paths', () => {
    const query = `?mount=${DIGEST}&from=B`;
    expect(parsed('GET', `/v2/a/manifests/x${query}`).query).toBe(query);
  });
});

const SEGMENTS =
  'a team manifests blobs uploads tags list referrers _catalog v2 latest . .. %2e %2f A a.b a__b a..b 5f-1 é ; \\'
    .split(' ')
    .concat('', ' ', '\0', DIGEST);

describe('the request parser', () => {
  const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND');
  const segment = fc.constantFrom(...SEGMENTS);
  const path = fc
    .tuple(fc.constantFrom('/v2/', '/v2', '/', '//v2/', '/V2/'), fc.array(segment, { maxLength: 7 }))
    .map(([head, segments]) => head + segments.join('/'));
  const tail = fc.constantFrom('tags/list', 'manifests/latest', 'blobs/uploads/', 'blobs/uploads/5f-1');
  const digestTail = fc.constantFrom(
    ...['manifests', 'blobs', 'referrers'].map((part) => `${part}/${DIGEST}`),
  );
  const likelyPath = fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.oneof(tail, digestTail))
    .map(([segments, end]) => `/v2/${segments.join('/')}/${end}`);
  const query = fc.oneof(
    fc.constant(''),
    fc
      .array(
        fc.constantFrom('mount=', `mount=${DIGEST}`, 'from=a', 'from=A', 'fr%6fm=a', '&', ';', '%zz', '?'),
      )
      .map((parts) => `?${parts.join('&')}`),
  );

  it('never fails, and reads the action and the repository that a second reading of the specification does (40,000 requests)', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        method,
        fc.oneof(path, likelyPath, fc.string({ unit: 'binary' })),
        query,
        (verb, text, tail) => {
          const request = parseRegistryRequest(verb, text + tail);
          if (request.kind === 'refused') return;
          accepted++;
          expect(request.path).toMatch(/^\/v2(\/[\x21-\x7e]*)?$/);
          expect(request.path).not.toMatch(/%|\/\/|\.\./);
          expect(request.path + tail.slice(0, 1)).toBe(text + tail.slice(0, 1));
          const { action, repository } = request;
          expect({ action, repository }).toEqual(naiveReading(verb, text + tail));
          if (request.kind === 'upload-start') expectNoDoubtfulMount(request);
        },
      ),
      { numRuns: 40_000 },
    );
    expect(accepted).toBeGreaterThan(1000);
  });
});

function expectNoDoubtfulMount(request: RegistryRequest): void {
  const parameters = new URLSearchParams(request.query);
  const froms = parameters.getAll('from');
  const mounts = parameters.getAll('mount');
  if (request.mountFrom === undefined) expect([...froms, ...mounts]).toEqual([]);
  else expect([froms, mounts]).toEqual([[request.mountFrom], [DIGEST]]);
}
