import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PAGES_MAX } from './catalog.js';
import { startDockerRegistry, type DockerRegistry } from './testing/docker-registry.js';
import { startForwarding, type PassedOn } from './testing/forwarding.js';
import { Upstream } from './testing/upstream.js';

const EVERYTHING = (): boolean => true;
const NEXT = /^<(\/v2\/_catalog\?last=[^&>]+&n=\d+)>; rel="next"$/;

type Forwarding = Awaited<ReturnType<typeof startForwarding>>;

let forwarding: Forwarding;

async function start(shared: URL | undefined, passedOn: Partial<PassedOn> = {}): Promise<void> {
  const all = { prefix: 'mine/', upstream: undefined, reaches: EVERYTHING };
  forwarding = await startForwarding(shared, { ...all, ...passedOn });
}

afterEach(() => forwarding.stop());

function ask(query: string, method = 'GET'): Promise<Response> {
  return fetch(new URL(`/v2/_catalog${query}`, forwarding.url), { method });
}

async function names(response: Response): Promise<string[]> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { repositories: string[] }).repositories;
}

/** All pages, as a client gets them that follows the links. */
async function pages(query: string): Promise<string[][]> {
  const all: string[][] = [];
  let path: string | undefined = `/v2/_catalog${query}`;
  while (path !== undefined) {
    const response: Response = await fetch(new URL(path, forwarding.url));
    all.push(await names(response));
    const link = response.headers.get('link');
    if (link !== null) expect(link).toMatch(NEXT);
    path = link === null ? undefined : NEXT.exec(link)![1];
  }
  return all;
}

describe('the catalog of a registry that shares the store of distribution', () => {
  /** In the order in which distribution lists them: below `a`, what begins with a digit comes before `a` itself. */
  const MINE = ['0', 'a/0', 'a/1/2', 'a/1', 'a/1/b/c', 'a', 'a/b', 'a-b', 'app', 'b/2', 'b', 'mine/a', 'z'];
  const OTHERS = ['mine', 'mine-b/x', 'mine.c/x', 'mine0/x', 'min/e', 'a', 'other/a', 'zz/mine/a'];
  let registry: DockerRegistry;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    await registry.addRepositories([...MINE.map((name) => `mine/${name}`), ...OTHERS]);
    await registry.addRepositories(Array.from({ length: 2_500 }, (_, number) => `many/r${number}`));
    await registry.addRepositories(Array.from({ length: 150 }, (_, number) => `digits/d/${number}`));
    await registry.addRepositories(['digits/d', 'digits/e']);
  });
  afterAll(() => registry.stop());

  it('names its own repositories only, as the client calls them', async () => {
    await start(registry.url);
    const response = await ask('');
    expect(response.headers.get('link')).toBeNull();
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    expect(await names(response)).toEqual(MINE);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 100])(
    'is the same in pages of %i: nothing twice, nothing left out, no page too many',
    async (size) => {
      await start(registry.url);
      const all = await pages(`?n=${size}`);
      expect(all.flat()).toEqual(MINE);
      expect(all).toHaveLength(Math.ceil(MINE.length / size));
    },
  );

  it('goes on after the name that the client gives, whether there is one of that name or not', async () => {
    await start(registry.url);
    expect(await names(await ask('?last=app'))).toEqual(['b/2', 'b', 'mine/a', 'z']);
    expect(await names(await ask('?last=c'))).toEqual(['mine/a', 'z']);
    expect(await names(await ask('?last=mine%2Fa'))).toEqual(['z']);
    expect(await names(await ask('?n=1&last='))).toEqual(['0']);
    expect(await names(await ask('?last=zz'))).toEqual([]);
    expect(await names(await ask('?last=../other'))).toEqual(MINE);
  });

  it('is empty, not missing, where nothing was pushed yet', async () => {
    for (const prefix of ['nothing/', 'zzz/']) {
      await start(registry.url, { prefix });
      expect(await names(await ask(''))).toEqual([]);
      await forwarding.stop();
    }
    await start(registry.url);
  });

  it('of 2,500 comes in pages of up to 1,000, of 100 unless the client says otherwise', async () => {
    await start(registry.url, { prefix: 'many/' });
    const all = await pages('?n=1000');
    expect(all.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
    expect(new Set(all.flat()).size).toBe(2_500);
    expect(await names(await ask(''))).toEqual(all.flat().slice(0, 100));
  });

  it('leaves nothing out where more than a page of digits stands before the name that they are below', async () => {
    await start(registry.url, { prefix: 'digits/' });
    const all = (await pages('?n=7')).flat();
    expect(all).toHaveLength(152);
    expect(all.slice(-2)).toEqual(['d', 'e']);
    expect(new Set(all).size).toBe(152);
  });

  it('names what the key reaches, and says nothing of the rest, not even that there is more', async () => {
    await start(registry.url, { reaches: (name) => name.startsWith('a/') });
    expect(await pages('?n=2')).toEqual([['a/0', 'a/1/2'], ['a/1', 'a/1/b/c'], ['a/b']]);
    await forwarding.stop();
    await start(registry.url, { prefix: 'many/', reaches: (name) => name === 'r999' });
    const response = await ask('?n=1');
    expect(response.headers.get('link')).toBeNull();
    expect(await names(response)).toEqual(['r999']);
  });

  it('answers HEAD as GET, without the body', async () => {
    await start(registry.url);
    const [get, head] = [await ask('?n=2'), await ask('?n=2', 'HEAD')];
    expect(head.status).toBe(200);
    for (const name of ['link', 'content-type', 'content-length']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
    expect(await head.text()).toBe('');
  });

  it.each([
    'n=0',
    'n=-1',
    'n=abc',
    'n=1001',
    'n=',
    'n=1&n=2',
    'n=1e2',
    'last=a&last=b',
    'last=%00',
    'last=A',
  ])('refuses the page ?%s', async (query) => {
    await start(registry.url);
    const response = await ask(`?${query}`);
    expect(response.status).toBe(400);
    expect(JSON.stringify(await response.json())).toContain('PAGINATION_NUMBER_INVALID');
  });

  it('is whole where the registry behind gives fewer at once than it is asked for', async () => {
    const narrow = await startDockerRegistry({ catalog: { maxentries: 50 } });
    try {
      await narrow.addRepositories(MINE.map((name) => `mine/${name}`));
      await start(narrow.url);
      expect((await pages('?n=4')).flat()).toEqual(MINE);
    } finally {
      await narrow.stop();
    }
  });
});

describe('the catalog of a registry with an upstream of its own', () => {
  let upstream: Upstream;
  let asked: string[];

  beforeEach(async () => {
    upstream = await Upstream.start();
    asked = [];
    await start(undefined, { prefix: '', upstream: new URL(`http://${upstream.host}`) });
  });
  afterEach(() => upstream.stop());

  /** A registry that lists in the order of the bytes, and pages as the specification of distribution says. */
  function serve(all: readonly string[], { entriesMax = Infinity, withLinks = true } = {}): void {
    upstream.answer = ({ url }, response) => {
      asked.push(url!);
      const query = new URL(url!, 'http://upstream').searchParams;
      const after = all.filter((name) => name > (query.get('last') ?? ''));
      const page = after.slice(0, Math.min(Number(query.get('n')), entriesMax));
      if (withLinks && page.length < after.length) response.setHeader('link', '<opaque>; rel="next"');
      response.end(JSON.stringify({ repositories: page }));
    };
  }

  function fail(status: number, headers: Record<string, string> = {}): void {
    upstream.answer = (_, response) => {
      response.writeHead(status, headers).end('s3cret');
    };
  }

  it('is that registry’s, in its order', async () => {
    const all = ['0', 'a', 'a-b', 'a/1', 'a/b', 'b'];
    serve(all);
    for (const size of [1, 2, 3, 6]) expect((await pages(`?n=${size}`)).flat()).toEqual(all);
    expect(asked[0]).toBe('/v2/_catalog?n=1000');
  });

  it('is whole, and ends, where that registry takes no notice of what page it is asked for', async () => {
    const all = Array.from({ length: 1_500 }, (_, number) => `r${number}`);
    upstream.answer = (_, response) => response.end(JSON.stringify({ repositories: all }));
    expect((await pages('?n=400')).flat()).toEqual(all);
  });

  it('is whole where that registry gives full pages without a link to the next, as distribution may', async () => {
    const all = Array.from({ length: 2_500 }, (_, number) => `r${number}`).toSorted();
    serve(all, { withLinks: false });
    expect((await pages('?n=1000')).flat()).toEqual(all);
  });

  it('is asked without the client’s credentials, and tells who the client is', async () => {
    serve([]);
    await fetch(new URL('/v2/_catalog', forwarding.url), { headers: { authorization: 'Basic c2VjcmV0' } });
    expect(upstream.seen[0]!.headers).toMatchObject({
      host: upstream.host,
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'https',
    });
    expect(upstream.seen[0]!.headers.authorization).toBeUndefined();
  });

  it('is walked on no more pages than an answer may cost', async () => {
    await forwarding.stop();
    const only = { reaches: (name: string) => name === 'r0' };
    await start(undefined, { prefix: '', upstream: new URL(`http://${upstream.host}`), ...only });
    serve(Array.from({ length: 200 }, (_, number) => `r${number}`).toSorted(), { entriesMax: 1 });
    const first = await ask('');
    expect(first.headers.get('link')).toBe('</v2/_catalog?last=r0&n=100>; rel="next"');
    expect(await names(first)).toEqual(['r0']);
    expect(asked.length).toBeLessThanOrEqual(PAGES_MAX + 1);
    const rest = await ask('?last=r0');
    expect(rest.status).toBe(403);
    expect(await rest.text()).toContain('DENIED');
    expect(asked.length).toBeLessThanOrEqual(2 * (PAGES_MAX + 1));
  });

  it.each([
    [404, 404],
    [405, 404],
    [403, 404],
    [401, 502],
    [500, 502],
    [307, 502],
    [503, 503],
    [429, 503],
    [400, 404],
  ])('is %i there and %i here', async (status, shown) => {
    fail(status, status === 307 ? { location: 'http://elsewhere.example/?s3cret' } : {});
    const response = await ask('');
    expect(response.status).toBe(shown);
    expect((await response.text()) + forwarding.logged.join()).not.toContain('s3cret');
  });

  it.each([
    ['no JSON', 'what'],
    ['no list', '{"repositories":"a"}'],
    ['a list of something else', '{"repositories":[1]}'],
    ['nothing', 'null'],
    ['too long', JSON.stringify({ repositories: [' '.repeat(4 * 1024 * 1024)] })],
  ])('is 502 when what comes is %s', async (_, body) => {
    upstream.answer = (__, response) => response.end(body);
    expect((await ask('')).status).toBe(502);
  });

  it('is empty when the registry has never had one', async () => {
    upstream.answer = (_, response) => response.end('{"repositories":null}');
    expect(await names(await ask(''))).toEqual([]);
  });

  it('is 502 when the registry is away or dies half way', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('{"repositories":[', () => response.destroy());
    };
    expect((await ask('')).status).toBe(502);
    await upstream.stop();
    expect((await ask('')).status).toBe(502);
    upstream = await Upstream.start();
  });

  it('is no longer asked for when the client goes away', async () => {
    const arrived = new Promise<void>((resolve) => {
      upstream.answer = ({ socket }) => {
        socket.once('close', resolve);
        leave.abort();
      };
    });
    const leave = new AbortController();
    const url = new URL('/v2/_catalog', forwarding.url);
    await expect(fetch(url, { signal: leave.signal })).rejects.toThrow();
    await arrived;
  });
});

it('no catalog is 404 where no registry stands behind the gate', async () => {
  await start(undefined);
  expect((await ask('')).status).toBe(404);
});
