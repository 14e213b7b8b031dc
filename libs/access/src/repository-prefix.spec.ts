import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseRegistryRequest, type RegistryRequest } from './registry-request.js';
import { addPrefix, stripPrefix, type UpstreamTarget } from './repository-prefix.js';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

function request(method: string, url: string): RegistryRequest {
  const parsed = parseRegistryRequest(method, url);
  if (parsed.kind === 'refused') throw new Error(`refused: ${parsed.message}`);
  return parsed;
}

function target(method: string, url: string, prefix: string): UpstreamTarget {
  const added = addPrefix(request(method, url), prefix);
  if ('kind' in added) throw new Error(`refused: ${added.message}`);
  return added;
}

describe('the prefix of a registry', () => {
  it('stands before the repository, and before the one that a mount copies from', () => {
    const start = '/v2/team/app/blobs/uploads/';
    expect(target('GET', '/v2/a/tags/list?n=2&last=mine/b', 'mine/')).toMatchObject({
      path: '/v2/mine/a/tags/list',
      query: '?n=2&last=mine/b',
    });
    expect(target('POST', `${start}?mount=${DIGEST}&from=other/base`, 'mine/')).toMatchObject({
      path: `/v2/mine/team/app/blobs/uploads/`,
      query: `?mount=${DIGEST}&from=mine/other/base`,
    });
    expect(target('POST', `${start}?x=%41&fr%6Fm=a%2Fb&mount=${DIGEST}`, 'mine/').query).toBe(
      `?x=%41&from=mine/a/b&mount=${DIGEST}`,
    );
  });

  it('counts for the length of a name; a mount from one that is too long becomes an upload', () => {
    const longest = 'a'.repeat(250);
    const start = '/v2/a/blobs/uploads/';
    expect(target('GET', `/v2/${longest}/tags/list`, 'mine/').path).toHaveLength(
      '/v2//tags/list'.length + 255,
    );
    expect(addPrefix(request('GET', `/v2/${longest}a/tags/list`), 'mine/')).toMatchObject({
      kind: 'refused',
      code: 'NAME_INVALID',
      message: expect.stringContaining('250'),
    });
    const mount = (from: string) =>
      target('POST', `${start}?mount=${DIGEST}&from=${from}&digest=x`, 'mine/').query;
    expect(mount(longest)).toContain(`from=mine/${longest}`);
    expect(mount(`${longest}a`)).toBe('?digest=x');
  });

  it.each(['/v2/', '/v2/_catalog'])('has no place in %s, which names no repository', (url) => {
    expect(() => addPrefix(request('GET', url), 'mine/')).toThrow('without a repository');
  });

  it('is taken off again only where it stands whole', () => {
    expect(stripPrefix('/v2/mine/a/blobs/uploads/5f-1?_state=x', 'mine/')).toBe(
      '/v2/a/blobs/uploads/5f-1?_state=x',
    );
    expect(stripPrefix('/v2/mine/mine/a/tags/list', 'mine/')).toBe('/v2/mine/a/tags/list');
    for (const path of ['/v2/mine2/a', '/v2/min/a', '/v2/mine', '/v2/', '/mine/a', '/v2/other/mine/a', '']) {
      expect(stripPrefix(path, 'mine/')).toBeUndefined();
    }
  });
});

describe('a request of a registry', () => {
  const slug = fc.stringMatching(/^[a-z0-9](?:-?[a-z0-9]){1,39}$/).filter((text) => text.length <= 40);
  const likely = fc.constantFrom(
    ...'a team mine other manifests blobs uploads tags list referrers v2 latest a.b'.split(' '),
    'a'.repeat(130),
  );
  const unlikely = fc.constantFrom(...'. .. %2e %2f A a..b ; _catalog'.split(' '), '', DIGEST);
  const word = fc.oneof({ weight: 9, arbitrary: likely }, { weight: 1, arbitrary: unlikely });
  const end = fc.constantFrom(
    'tags/list',
    'manifests/latest',
    'blobs/uploads/',
    'blobs/uploads/5f-1',
    `manifests/${DIGEST}`,
    `blobs/${DIGEST}`,
    `referrers/${DIGEST}`,
  );
  const path = fc
    .tuple(
      fc.constantFrom('/v2/', '/v2/', '/v2/', '/v2/', '//v2/', '/'),
      fc.array(word, { maxLength: 4 }),
      end,
    )
    .map(([head, words, tail]) => head + [...words, tail].join('/'));
  const from = fc.array(word, { maxLength: 3 }).map((words) => words.join('/'));
  const query = fc.oneof(
    fc.constant(''),
    fc.constant('?n=5&last=b'),
    from.map((name) => `?mount=${DIGEST}&from=${name}`),
    from.map((name) => `?fr%6fm=${encodeURIComponent(name)}&mount=${DIGEST}&from2=x`),
  );
  const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE');

  it('reaches nothing outside its prefix, means the same there, and comes back as it was (40,000 requests)', () => {
    let passed = 0;
    fc.assert(
      fc.property(method, path, query, slug, (verb, text, tail, name) => {
        const asked = parseRegistryRequest(verb, text + tail);
        if (asked.kind === 'refused' || asked.repository === undefined) return;
        const prefix = `${name}/`;
        const added = addPrefix(asked, prefix);
        if ('kind' in added) {
          expect((prefix + asked.repository).length).toBeGreaterThan(255);
          return;
        }
        passed++;
        expect(stripPrefix(added.path, prefix)).toBe(asked.path);
        // What a URL parser of another program makes of it is the same.
        const { pathname, searchParams } = new URL(added.path + added.query, 'http://upstream.invalid');
        expect(pathname).toBe(added.path);
        expect(pathname.startsWith(`/v2/${name}/`)).toBe(true);
        const { kind, action, repository } = request(verb, added.path + added.query);
        expect({ kind, action, repository }).toEqual({
          kind: asked.kind,
          action: asked.action,
          repository: prefix + asked.repository,
        });
        if (kind !== 'upload-start') return;
        for (const mounted of searchParams.getAll('from')) {
          expect(mounted).toBe(prefix + asked.mountFrom);
        }
      }),
      { numRuns: 40_000 },
    );
    expect(passed).toBeGreaterThan(4_000);
  });
});
