import { expect } from '@jest/globals';
import type { GeneratedKey } from './api.js';
import { eventually, type ServerProcess } from './server-process.js';

/** Waits until `KeyExpired` stands in the key's history, and expects it there once, at the moment of the expiry. */
export async function expectExpiryRecorded(
  server: ServerProcess,
  { id, expiresAt }: GeneratedKey,
  limitMs: number,
): Promise<void> {
  const history = await eventually('KeyExpired is recorded', limitMs, async () => {
    const events = await server.api.events(id);
    return events.length > 1 && events;
  });
  const job = { type: 'system', id: 'expire-keys' };
  expect(history).toMatchObject([
    { type: 'KeyGenerated' },
    { type: 'KeyExpired', at: expiresAt, actor: job },
  ]);
}
