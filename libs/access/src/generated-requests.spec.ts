import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatKey, hashSecret } from '#libs/kernel';
import { AccessModel } from './access-model.js';
import { parseCredentials } from './credentials.js';
import { parseRegistryRequest } from './registry-request.js';
import { NaiveAccess } from './testing/naive-access.js';
import { naiveReading } from './testing/naive-request.js';

const REGISTRY = 'reg_a';
const AT = '2026-01-01T00:00:00.000Z';
const NOW = Date.parse(AT);
const SECRET = 'S'.repeat(43);
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const RIGHTS = [
  { permission: 'read', repositories: ['team/*'], networks: [] },
  { permission: 'read-write', repositories: ['team/**', 'app-*'], networks: ['10.0.0.0/8'] },
  { permission: 'read-write-delete', repositories: [], networks: [] },
  { permission: 'read-write-delete', repositories: ['manifests/*', '*/blobs'], networks: ['10.0.0.0/8'] },
];
const KEYS = RIGHTS.map((rights, index) => {
  const id = `drk_${'abcd'[index]!.repeat(16)}`;
  return { id, key: formatKey(id, SECRET), rights };
});

const access = new AccessModel({ registryDomain: 'registry.example' });
const naive = new NaiveAccess();
for (const [index, { id, rights }] of KEYS.entries()) {
  const data = { at: AT, registry: REGISTRY, secretHash: hashSecret(SECRET), expiresAt: null, ...rights };
  for (const model of [access, naive])
    model.apply({ type: 'KeyGenerated', id, data, position: BigInt(index) });
}

function base64(pair: string): string {
  return Buffer.from(pair).toString('base64');
}

/** One change somewhere: a character replaced, put in, taken out or doubled, or a piece of the text elsewhere. */
function damaged(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const piece = fc.constantFrom(
    '',
    '/',
    '//',
    '..',
    '.',
    '%2f',
    '%2e',
    '%',
    '?',
    '#',
    '\\',
    'A',
    ':',
    '_',
    '-',
    'v2',
    '\0',
    'é',
  );
  return fc.tuple(text, fc.nat(), fc.nat(3), piece).map(([whole, place, cut, put]) => {
    const at = whole === '' ? 0 : place % whole.length;
    return whole.slice(0, at) + put + whole.slice(at + cut);
  });
}

const method = fc.constantFrom(
  ...'GET GET GET GET HEAD POST POST PUT PATCH DELETE OPTIONS get __proto__'.split(' '),
);
const component = fc.constantFrom(
  ...'team team api web app-web a manifests blobs uploads tags list v2 referrers'.split(' '),
);
const end = fc.constantFrom(
  ...'tags/list manifests/v1 blobs/uploads/ blobs/uploads/5f-1 _catalog'.split(' '),
  '',
  ...['manifests', 'blobs', 'referrers'].map((kind) => `${kind}/${DIGEST}`),
);
const query = fc.constantFrom(
  '',
  '',
  '?n=5',
  `?mount=${DIGEST}&from=team/base`,
  '?/v2/team/x/manifests/v1',
  '?%zz',
);
const validUrl = fc
  .tuple(fc.array(component, { maxLength: 4 }), end, query)
  .map(([name, tail, search]) => `/v2/${[...name, tail].join('/')}${search}`);
const url = fc.oneof(
  { weight: 7, arbitrary: validUrl },
  { weight: 4, arbitrary: damaged(validUrl) },
  { weight: 1, arbitrary: damaged(damaged(validUrl)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const address = fc.constantFrom(undefined, '10.0.0.1', '192.0.2.1', 'unknown');

describe('generated requests', () => {
  it('are never granted more than a naive reading grants, and name its repository (10,000 requests to parseRegistryRequest)', () => {
    let allowed = 0;
    let refused = 0;
    fc.assert(
      fc.property(method, url, fc.constantFrom(...KEYS), address, (verb, target, { id }, from) => {
        const request = parseRegistryRequest(verb, target);
        if (request.kind === 'refused') {
          refused++;
          return;
        }
        const reading = naiveReading(verb, target);
        expect({ action: request.action, repository: request.repository }).toEqual(reading);
        const credentials = { kind: 'key', id, secret: SECRET } as const;
        const { verdict } = access.authorize(credentials, REGISTRY, request, from, NOW);
        if (verdict === 'allowed') allowed++;
        expect(verdict).toBe(naive.decide(id, SECRET, REGISTRY, reading!, from, NOW).verdict);
        if (request.mountFrom !== undefined) {
          expect(access.reaches(id, request.mountFrom)).toBe(naive.reaches(id, request.mountFrom));
        }
      }),
      { numRuns: 10_000 },
    );
    expect(allowed).toBeGreaterThan(250);
    expect(refused).toBeGreaterThan(2_000);
  });

  it('prove a key only by exactly that key, once, and are granted what it may (10,000 headers to parseCredentials)', () => {
    const pairsOf = ({ id, key }: { id: string; key: string }) => [`${id}:${key}`, `${key}:${key}`];
    const good = new Map(KEYS.flatMap((one) => pairsOf(one).map((pair) => [base64(pair), one.id] as const)));
    const unknown = `drk_${'e'.repeat(16)}`;
    const goodPair = fc.constantFrom(...KEYS.flatMap(pairsOf));
    const otherPair = fc.constantFrom(
      `${KEYS[0]!.id}:${KEYS[1]!.key}`,
      `${KEYS[0]!.key}:${KEYS[1]!.key}`,
      `${KEYS[2]!.id}:${formatKey(KEYS[2]!.id, 'T'.repeat(43))}`,
      `${unknown}:${formatKey(unknown, SECRET)}`,
      `${formatKey(`drm_${'a'.repeat(16)}`, SECRET)}:${formatKey(`drm_${'a'.repeat(16)}`, SECRET)}`,
    );
    const pair = fc.oneof(goodPair, goodPair, otherPair, damaged(goodPair), fc.string({ unit: 'binary' }));
    const scheme = fc.constantFrom('Basic ', 'basic ', 'BASIC  ', 'Bearer ', 'Basic', '', ' Basic ');
    const whole = fc.oneof(
      { weight: 3, arbitrary: pair.map((text) => `Basic ${base64(text)}`) },
      { weight: 2, arbitrary: fc.tuple(scheme, pair).map(([before, text]) => before + base64(text)) },
    );
    const header = fc.oneof(
      { weight: 4, arbitrary: whole },
      { weight: 2, arbitrary: damaged(whole) },
      { weight: 1, arbitrary: fc.tuple(whole, whole).map((both) => both.join(', ')) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    );
    const asked = fc.constantFrom(
      { action: 'login', repository: undefined } as const,
      { action: 'push', repository: 'team/api' } as const,
      { action: 'delete', repository: 'manifests/a' } as const,
    );
    const counts: Record<string, number> = {};
    fc.assert(
      fc.property(header, asked, address, (value, wanted, from) => {
        const decision = access.authorize(parseCredentials(value), REGISTRY, wanted, from, NOW);
        counts[decision.verdict] = (counts[decision.verdict] ?? 0) + 1;
        const id = good.get(/^basic +(.*)$/is.exec(value)?.[1] ?? '');
        if (id === undefined) expect(decision.proven).toBe(false);
        else {
          const { verdict } = naive.decide(id, SECRET, REGISTRY, wanted, from, NOW);
          expect(decision).toMatchObject({ proven: true, keyId: id, verdict });
        }
      }),
      { numRuns: 10_000 },
    );
    expect(Object.keys(counts).sort()).toEqual([
      'allowed',
      'malformed',
      'network_refused',
      'not_a_key',
      'not_permitted',
      'unknown',
      'wrong_secret',
    ]);
    expect(counts['allowed']).toBeGreaterThan(500);
  });
});
