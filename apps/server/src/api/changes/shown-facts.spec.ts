import { describe, expect, it } from '@jest/globals';
import { catalogue } from '#libs/catalogue';
import type { RecordedFact } from '#libs/kernel';
import { FEED_CATEGORIES, FEED_TYPES, needOf, shownFact } from './shown-facts.js';

const recorded = (type: string, category: string, data: object): RecordedFact => ({
  type,
  data,
  category,
  id: 'id',
  stream: `${category}-id`,
  metadata: { schemaVersion: 1, actor: { type: 'user', id: 'usr_a' }, correlationId: 'c', causationId: 'd' },
  revision: 0n,
  position: 7n,
  eventId: 'e',
});
const types = catalogue.types.flatMap(({ type, categories, example }) =>
  categories
    .filter((category) => FEED_CATEGORIES.includes(category))
    .map((category) => [type, recorded(type, category, example)] as const),
);

describe('a fact in the feed', () => {
  it.each(types)('%s needs a right, and shows no hash of a secret and no ciphertext', (_type, fact) => {
    const need = needOf(fact);
    expect(need).toBeDefined();
    const { data, position, at } = shownFact(fact, need!);
    expect({ position, at }).toEqual({ position: '7', at: (fact.data as { at: string }).at });
    expect(JSON.stringify(data)).not.toMatch(/[0-9a-f]{64}|ciphertext|secretHash/);
    expect(data).not.toHaveProperty('at');
  });

  it('hides what is sealed or hashed wherever it stands', () => {
    const sealed = { subject: 's', iv: 'i', ciphertext: 'c', commitment: 'c' };
    const data = {
      at: 'now',
      registry: 'reg_a',
      a: { secretHash: 'x', b: [sealed, { c: sealed, d: 1 }] },
      reason: sealed,
    };
    const fact = recorded('KeyRevoked', 'key', data);
    expect(shownFact(fact, needOf(fact)!).data).toEqual({ registry: 'reg_a', a: { b: [{ d: 1 }] } });
  });

  it('is of a type that this release knows, and of a stream that anybody may see', () => {
    expect(needOf(recorded('KeyPainted', 'key', { at: 'now', registry: 'reg_a' }))).toBeUndefined();
    expect(needOf(recorded('LeaseRenewed', 'lease', { at: 'now' }))).toBeUndefined();
    expect(needOf(recorded('KeyRevoked', 'lease', { at: 'now', registry: 'reg_a' }))).toBeUndefined();
    expect(FEED_TYPES.filter((type) => /Lease|Subject|Reserved|Log/.test(type))).toEqual([]);
  });

  it('about a member names the user, and about an administrator too', () => {
    const subject = (type: string, category: string) => {
      const fact = recorded(type, category, { at: 'now', user: 'usr_b', role: 'viewer' });
      return shownFact(fact, needOf(fact)!).subject;
    };
    expect([subject('MemberAdded', 'registry'), subject('AdministratorGranted', 'administrators')]).toEqual([
      'usr_b',
      'usr_b',
    ]);
  });
});
