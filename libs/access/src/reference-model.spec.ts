import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hashSecret } from '#libs/kernel';
import { AccessModel, ENDED_KEYS_KEPT_MS, type AccessFact } from './access-model.js';
import type { Action } from './authorize.js';
import { NaiveAccess, UNKNOWN_TYPE } from './testing/naive-access.js';

const REGISTRIES = ['reg_a', 'reg_b', 'reg_c'];
const KEYS = ['a', 'b', 'c', 'd'].map((letter) => `drk_${letter.repeat(16)}`);
const SECRETS = ['S'.repeat(43), 'T'.repeat(43)];
const HOSTS = ['images.example', 'other.example', 'slug-a.registry.example', 'slug-b.registry.example'];
const ADDRESSES = [
  undefined,
  '',
  '10.1.2.3',
  '10.2.0.1',
  '192.0.2.9',
  '::ffff:10.1.2.3',
  '2001:db8::7',
  '::1',
];
const REPOSITORIES = ['team', 'team/api', 'team/web', 'team/api/v1', 'base', 'app-web', 'app-web/x'];
const START = Date.parse('2026-01-01T00:00:00.000Z');
const MINUTE_MS = 60_000;
/** Facts are of the first half hour, keys expire in the whole one. */
const FACTS_MINUTES = 30;
const MINUTES = 60;

const minute = (max: number) => fc.nat(max).map((count) => START + count * MINUTE_MS);
const time = minute(FACTS_MINUTES).map((ms) => new Date(ms).toISOString());
const expiry = minute(MINUTES).map((ms) => new Date(ms).toISOString());
/** Most keys and requests are of one registry, with one secret, so that many requests are allowed. */
const home = fc.constantFrom('reg_a', 'reg_a', 'reg_a', 'reg_b');
const secret = fc.constantFrom(...[0, 0, 0, 1].map((index) => SECRETS[index]!));
const rights = {
  permission: fc.constantFrom('read', 'read-write', 'read-write-delete'),
  expiresAt: fc.option(expiry, { freq: 2 }),
  repositories: fc.subarray(['team/*', 'team/**', 'base', 'app-*', '*', 'team/a*i/**', '**'], {
    maxLength: 3,
  }),
  networks: fc.subarray(['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32', '0.0.0.0/0'], { maxLength: 2 }),
};
const about = {
  registry: fc.record({ id: fc.constantFrom(...REGISTRIES), at: time }),
  key: fc.record({ id: fc.constantFrom(...KEYS), at: time }),
};

interface Happening {
  readonly type: string;
  readonly id: string;
  readonly data: object;
}

function fact(
  of: 'registry' | 'key',
  types: readonly string[],
  data: fc.Arbitrary<object>,
): fc.Arbitrary<Happening> {
  return fc
    .tuple(fc.constantFrom(...types), about[of], data)
    .map(([type, { id, at }, rest]) => ({ type, id, data: { at, ...rest } }));
}

const happening = fc.oneof(
  {
    weight: 3,
    arbitrary: fact(
      'key',
      ['KeyGenerated'],
      fc.record({
        ...rights,
        registry: home,
        secretHash: secret.map(hashSecret),
      }),
    ),
  },
  {
    weight: 4,
    arbitrary: fact(
      'key',
      ['KeyChanged'],
      fc.record({ ...rights, name: fc.string() }, { requiredKeys: [] }).map((changes) => ({ changes })),
    ),
  },
  { weight: 3, arbitrary: fact('key', ['KeySuspended', 'KeyResumed', 'KeyResumed'], fc.constant({})) },
  { weight: 1, arbitrary: fact('key', ['KeyRevoked', 'KeyExpired', UNKNOWN_TYPE], fc.constant({})) },
  { weight: 1, arbitrary: fact('key', ['KeyRotated'], fc.record({ graceEndsAt: expiry })) },
  {
    weight: 2,
    arbitrary: fact(
      'registry',
      ['HostAdded', 'HostAdded', 'HostRemoved'],
      fc.record({ host: fc.constantFrom(...HOSTS) }),
    ),
  },
  {
    weight: 1,
    arbitrary: fact(
      'registry',
      ['RegistryUpstreamChanged'],
      fc.record({ upstream: fc.constantFrom(null, 'http://a:5000', 'http://b:5000') }),
    ),
  },
  {
    weight: 1,
    arbitrary: fact(
      'registry',
      ['RegistryPolicyChanged'],
      fc
        .record({ serveReadsFor: fc.constantFrom(null, 'PT1M', 'PT15M'), allowedNetworks: rights.networks })
        .map((policy) => ({ policy })),
    ),
  },
);

const request = fc.record({
  id: fc.constantFrom(...KEYS),
  secret,
  registry: home,
  action: fc.constantFrom<Action>('login', 'pull', 'push', 'delete', 'catalog'),
  repository: fc.constantFrom(...REPOSITORIES),
  address: fc.constantFrom(...ADDRESSES),
  clock: minute(MINUTES),
});

/** Facts are applied, some of them once more; and the model may be filled anew from rows in between. */
const step = fc.oneof(
  { weight: 8, arbitrary: happening.map((fact) => ({ fact })) },
  { weight: 10, arbitrary: request.map((request) => ({ request })) },
  {
    weight: 1,
    arbitrary: minute(MINUTES).map((forgetAt) => ({ forgetAt })),
  },
  { weight: 1, arbitrary: fc.constant({ restart: true }) },
);
type Step = { fact?: Happening; request?: RequestMade; forgetAt?: number; restart?: true };
type RequestMade = typeof request extends fc.Arbitrary<infer Made> ? Made : never;

/** The model and the naive one, fed with the same. */
class Both {
  model = new AccessModel({ registryDomain: 'registry.example' });
  readonly naive = new NaiveAccess();
  #position = 0n;
  #last: AccessFact | undefined;
  readonly verdicts: string[] = [];

  constructor() {
    REGISTRIES.forEach((id, index) => {
      const data = { at: new Date(START).toISOString(), slug: `slug-${'abc'[index]}` };
      this.happens({ type: 'RegistryCreated', id, data });
    });
  }

  take({ fact, request, forgetAt, restart }: Step): void {
    if (fact) this.happens(fact);
    if (request) this.#compare(request);
    if (forgetAt !== undefined) this.#forget(forgetAt);
    if (restart) this.#restart();
  }

  happens(happening: Happening): void {
    const replayed = this.#last;
    this.#last = { ...happening, position: ++this.#position };
    for (const fact of replayed ? [this.#last, replayed] : [this.#last]) {
      this.model.apply(fact);
      this.naive.apply(fact);
    }
  }

  #compare({ id, secret, registry, action, repository, address, clock }: RequestMade): void {
    const named = action === 'login' || action === 'catalog' ? undefined : repository;
    const asked = { action, repository: named };
    const credentials = { kind: 'key', id, secret } as const;
    const { verdict, ...rest } = this.model.authorize(credentials, registry, asked, address, clock);
    const denied = 'denied' in rest ? { denied: rest.denied } : {};
    this.verdicts.push(verdict);
    expect({ verdict, ...denied }).toEqual(this.naive.decide(id, secret, registry, asked, address, clock));
    expect(this.model.reaches(id, repository)).toBe(this.naive.reaches(id, repository));
  }

  #forget(time: number): void {
    const { keys } = this.naive;
    const gone = [...keys.values()].filter(({ state, revokedAt, expiresAt }) => {
      return (state === 'revoked' && revokedAt! <= time) || (state === 'expired' && expiresAt! <= time);
    });
    for (const { id } of gone) keys.delete(id);
    expect(this.model.forgetEnded(time + ENDED_KEYS_KEPT_MS)).toBe(gone.length);
  }

  #restart(): void {
    const { naive } = this;
    this.model = new AccessModel({ registryDomain: 'registry.example' });
    for (const registry of naive.rows.registries) this.model.loadRegistry(registry);
    for (const [host, registry] of naive.hosts) this.model.loadHost({ host, registry });
    for (const key of naive.rows.keys) this.model.loadKey(key);
    this.model.startAt(naive.position, naive.newest);
  }

  compareAll(): void {
    const { model, naive } = this;
    for (const host of HOSTS) expect(model.registryOfHost(host)).toBe(naive.registryOfHost(host));
    for (const { id, slug, upstream, serveReadsForMs } of naive.rows.registries) {
      expect([model.upstreamOf(id), model.serveReadsForOf(id)]).toEqual([upstream, serveReadsForMs]);
      expect(model.repositoryPrefixOf(id)).toBe(upstream === undefined ? `${slug}/` : '');
    }
    const sets = [...naive.keys.values()].map(({ repositories, networks }) => [repositories, networks]);
    const restricted = new Set(
      sets.filter((lists) => lists.flat().length > 0).map((lists) => JSON.stringify(lists)),
    );
    expect([model.grants.size, model.grants.restrictionSets]).toEqual([naive.keys.size, restricted.size]);
  }
}

describe('the access model', () => {
  it('decides as a naive one does, after any sequence of facts, replays, restarts and removals (1,000 sequences)', () => {
    const verdicts: string[] = [];
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 150, size: 'max' }), (steps) => {
        const both = new Both();
        for (const step of steps) both.take(step);
        both.compareAll();
        verdicts.push(...both.verdicts);
      }),
      { numRuns: 1_000 },
    );
    const expected =
      'allowed expired network_refused not_permitted revoked suspended unknown wrong_registry wrong_secret';
    expect([...new Set(verdicts)].sort().join(' ')).toBe(expected);
    expect(verdicts.filter((verdict) => verdict === 'allowed').length).toBeGreaterThan(500);
  });
});
