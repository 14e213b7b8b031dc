import { describe, expect, it } from '@jest/globals';
import type { EventLog } from '#libs/event-store';
import type { ReadModels } from '#libs/read-models';
import { RevokeKey, RevokeKeyHandler } from './revoke-key.js';

const context = { commandId: 'c', actor: { type: 'user', id: 'usr_a' } as const, correlationId: 'r' };
const revokedAt = '2026-01-01T00:00:00.000Z';
const POSITION = 7n;

/** A log in which the key is revoked at POSITION, and a gate that confirms a position when `confirm` says so. */
function handler(confirm: (position: bigint) => Promise<boolean>): RevokeKeyHandler {
  const log = {
    transact: () =>
      Promise.resolve({ state: { status: 'revoked', revokedAt }, facts: [], position: POSITION }),
  };
  return new RevokeKeyHandler(log as unknown as EventLog, { waitFor: confirm } as unknown as ReadModels);
}

describe('a revocation', () => {
  it('is not answered before the gate of this node has applied it, also for the caller who revokes a second time', async () => {
    let confirm = (_reached: boolean): void => undefined;
    const asked: bigint[] = [];
    const answer = handler((position) => {
      asked.push(position);
      return new Promise((resolve) => (confirm = resolve));
    }).execute(new RevokeKey('reg_a', 'drk_a', context));
    const first = await Promise.race([
      answer,
      new Promise((resolve) => setImmediate(() => resolve('still waiting'))),
    ]);
    expect(first).toBe('still waiting');
    expect(asked).toEqual([POSITION]);
    confirm(true);
    expect(await answer).toEqual({ revokedAt, position: POSITION });
  });

  it('that the gate has not confirmed in time is a 503, never a success', async () => {
    const answer = handler(() => Promise.resolve(false)).execute(new RevokeKey('reg_a', 'drk_a', context));
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' });
  });
});
