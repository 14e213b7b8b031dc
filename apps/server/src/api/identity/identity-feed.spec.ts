import { describe, expect, it } from '@jest/globals';
import type { EventLog } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import { IdentityFeed } from './identity-feed.js';

const at = '2026-01-01T00:00:00.000Z';
const sealed = { subject: 's', iv: 'i', ciphertext: 'c', commitment: 'c' };
const registered = { at, email: sealed, name: sealed, emailIndex: 'i', createdBy: 'x' };

function fact(
  position: bigint,
  type: string,
  data: object = { at },
  category = 'user',
  id = 'usr_a',
): RecordedFact {
  const metadata = {
    schemaVersion: 1,
    actor: { type: 'system', id: 't' } as const,
    correlationId: 'c',
    causationId: 'c',
  };
  const place = { stream: `${category}-${id}`, category, id, revision: 0n, position, eventId: `${position}` };
  return { type, data, metadata, ...place };
}

/** A log that holds these facts, in pages of two. `onPage` runs while a page is on its way. */
function feedOn(facts: readonly RecordedFact[], onPage: () => void = () => undefined): IdentityFeed {
  const readAllAfter = (after = -1n) => {
    onPage();
    return Promise.resolve(facts.filter(({ position }) => position > after).slice(0, 2));
  };
  return new IdentityFeed({ readAllAfter } as unknown as EventLog);
}

const life = [
  fact(1n, 'UserRegistered', registered),
  fact(2n, 'UserPasswordChanged', { at, password: sealed }),
  fact(3n, 'UserDisabled'),
];

describe('the memory of users', () => {
  it('is filled from the log, page by page', async () => {
    const feed = feedOn(life);
    await feed.fill();
    expect(feed.model.user('usr_a')).toMatchObject({ status: 'disabled' });
    expect(feed.model.position).toBe(3n);
  });

  it('keeps what the subscription delivers while it is filled, in the order of the log, and each once', async () => {
    const feed = feedOn(life);
    feed.apply(fact(3n, 'UserDisabled'));
    feed.apply(fact(4n, 'UserEnabled'));
    expect(feed.model.user('usr_a')).toBeUndefined();
    await feed.fill();
    expect(feed.model.user('usr_a')).toMatchObject({ status: 'active' });
    feed.apply(fact(5n, 'UserDisabled'));
    expect(feed.model.isActive('usr_a')).toBe(false);
  });

  it('knows members whose fact came meanwhile, and passes over what is about keys', async () => {
    const feed = feedOn(life);
    feed.apply(fact(9n, 'MemberAdded', { at, user: 'usr_a', role: 'viewer' }, 'registry', 'reg_a'));
    feed.apply(fact(10n, 'KeyRevoked', { at }, 'key', 'drk_a'));
    await feed.fill();
    expect(feed.model.rolesOf('usr_a').get('reg_a')).toBe('viewer');
    expect(feed.model.position).toBe(3n);
  });

  it('tells who was erased, so that nothing that could read about them stays in memory', async () => {
    const feed = feedOn([...life, fact(4n, 'UserErased')]);
    const erased: string[] = [];
    feed.whenErased((user) => erased.push(user));
    await feed.fill();
    expect(erased).toEqual(['usr_a']);
    expect(feed.model.erasedUsers()).toEqual(['usr_a']);
  });
});
