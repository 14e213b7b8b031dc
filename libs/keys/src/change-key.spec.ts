import { describe, expect, it } from '@jest/globals';
import { given } from '../../../test/support/given.js';
import { changeKey, resumeKey, suspendKey } from './decisions.js';
import { keys, type KeyTraits } from './key.js';
import {
  born,
  changed,
  data,
  during,
  endings,
  expiresAt,
  generated,
  registry,
  resumed,
  suspended,
} from './testing/facts.js';

describe('changing a key', () => {
  const change = (changes: Partial<KeyTraits>, at = during) => changeKey({ registry, at, changes });
  const all: KeyTraits = {
    name: 'CD',
    description: 'deploys',
    labels: { team: 'core' },
    permission: 'read-write',
    expiresAt: null,
    repositories: [],
    networks: ['192.0.2.0/24', '2001:db8::/32'],
    expectedCountries: ['DE'],
  };

  it('records everything that is different', () =>
    given(keys, [generated])
      .when(change(all))
      .then([changed(all)]));
  it.each(Object.entries(all))('records a new %s alone, and leaves the rest', (name, value) => {
    given(keys, [generated])
      .when(change({ ...data, [name]: value }))
      .then([changed({ [name]: value })]);
    expect(given(keys, [generated, changed({ [name]: value })]).state).toEqual({
      ...given(keys, [generated]).state,
      [name]: value,
    });
  });
  it('records it for a suspended key too, which stays suspended', () => {
    given(keys, [generated, suspended])
      .when(change({ permission: 'read-write' }))
      .then([changed({ permission: 'read-write' })]);
    expect(given(keys, [generated, suspended, changed({ name: 'CD' })]).state).toMatchObject({
      status: 'suspended',
      name: 'CD',
    });
  });

  it.each<[string, Partial<KeyTraits>]>([
    ['nothing', {}],
    ['what is so', { name: 'CI', description: null, permission: 'read', expiresAt, labels: data.labels }],
    ['the labels in another order', { labels: { env: 'prod', team: 'edge' } }],
    ['the lists in another order', { repositories: ['base', 'team/*'], networks: ['10.0.0.0/8'] }],
  ])('to %s adds nothing', (_, changes) => given(keys, [generated]).when(change(changes)).quiet());
  it('again adds nothing', () =>
    given(keys, [generated, changed(all)])
      .when(change(all))
      .quiet());

  it.each<[string, Partial<KeyTraits>]>([
    ['the value of a label', { labels: { team: 'edge', env: 'test' } }],
    ['the name of a label', { labels: { team: 'edge', stage: 'prod' } }],
    ['one repository less', { repositories: ['base'] }],
  ])('sees the difference of %s', (_, changes) =>
    given(keys, [generated])
      .when(change(changes))
      .then([changed(changes)]),
  );

  it.each([during, '2026-01-10T00:00:00.999Z', born])('refuses an expiry at %s, which is not ahead', (past) =>
    given(keys, [generated])
      .when(change({ expiresAt: past, name: 'CD' }))
      .refuses('expiry-in-past'),
  );
  it('leaves an expiry that is near as it is', () => {
    const near = '2026-01-10T00:00:00.500Z';
    given(keys, [{ type: 'KeyGenerated', data: { ...data, expiresAt: near } }])
      .when(change({ expiresAt: near, name: 'CD' }))
      .then([changed({ name: 'CD' })]);
  });

  it.each(endings)('refuses %s, whatever is to be changed', (_, facts, code) => {
    for (const changes of [{}, { name: 'CI' }, { name: 'CD' }, { expiresAt: null }]) {
      given(keys, facts).when(change(changes)).refuses(code);
    }
  });
  it('revives no key in the very millisecond of its expiry', () => {
    given(keys, [generated])
      .when(change({ expiresAt: null }, expiresAt))
      .refuses('key-expired');
    given(keys, [generated])
      .when(change({ expiresAt: null }, '2026-01-31T23:59:59.999Z'))
      .then([changed({ expiresAt: null }, '2026-01-31T23:59:59.999Z')]);
  });
  it('refuses a key of another registry as if it did not exist', () =>
    given(keys, [generated])
      .when(changeKey({ registry: 'reg_b', at: during, changes: { name: 'CD' } }))
      .refuses('not-found'));
});

describe('suspending a key', () => {
  const suspend = suspendKey({ registry, at: during });
  it('records it', () => {
    given(keys, [generated]).when(suspend).then([suspended]);
    given(keys, [generated, suspended, resumed]).when(suspend).then([suspended]);
  });
  it('twice adds nothing', () => given(keys, [generated, suspended]).when(suspend).quiet());
  it.each(endings)('refuses %s', (_, facts, code) => given(keys, facts).when(suspend).refuses(code));
  it('refuses a key of another registry as if it did not exist', () =>
    given(keys, [generated])
      .when(suspendKey({ registry: 'reg_b', at: during }))
      .refuses('not-found'));
});

describe('resuming a key', () => {
  const resume = resumeKey({ registry, at: during });
  it('records it', () => {
    given(keys, [generated, suspended]).when(resume).then([resumed]);
    expect(given(keys, [generated, suspended, resumed]).state).toMatchObject({ status: 'active' });
  });
  it('twice, or without a suspension, adds nothing', () => {
    given(keys, [generated]).when(resume).quiet();
    given(keys, [generated, suspended, resumed]).when(resume).quiet();
  });
  it.each(endings)('refuses %s', (_, facts, code) => given(keys, facts).when(resume).refuses(code));
  it('refuses a key of another registry as if it did not exist', () =>
    given(keys, [generated, suspended])
      .when(resumeKey({ registry: 'reg_b', at: during }))
      .refuses('not-found'));
});
