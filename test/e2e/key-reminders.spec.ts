import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf } from './api.js';
import { expectRefused } from './refusals.js';
import { eventually, Installation, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
let server: ServerProcess;
beforeAll(async () => {
  server = await installation.start();
}, 40_000);
afterAll(() => installation.remove(), 20_000);

const snooze = (id: string, body: object) => server.api.call(`${KEYS}/${id}/snooze`, { body });
const shown = (id: string) => server.api.get<object>(`${KEYS}/${id}`);
const remindersOf = async (id: string) =>
  (await server.api.events(id)).filter(({ type }) => type === 'KeyExpiryReminded');

describe('a reminder', () => {
  it('is recorded once at its step, for the creator and the owners, and changes nothing of the key', async () => {
    const policy = { reminders: ['PT2H', 'PT1H'] };
    await server.api.call('/v1/registries/myapp/policy', { method: 'PUT', body: policy });
    const key = await server.api.generateKey({ expiresIn: 'PT1H1S' });
    const [quiet, before] = [await server.api.generateKey({ expiresIn: 'PT1H1S' }), await shown(key.id)];
    bodyOf(await snooze(quiet.id, { for: 'PT30M' }), 200);
    // Workers look for what is due as soon as they start.
    await server.stop();
    server = await installation.start();
    await eventually('the reminder', 10_000, async () => (await remindersOf(key.id)).length > 0);
    const { createdBy } = before as { createdBy: string };
    expect(await remindersOf(key.id)).toMatchObject([
      {
        actor: { type: 'system', id: 'remind-owners' },
        data: { step: 'PT1H', expiresAt: key.expiresAt, recipients: [createdBy] },
      },
    ]);
    expect(await shown(key.id)).toEqual({ ...before, dockerLogin: expect.any(String) });
    await server.stop();
    server = await installation.start();
    expect(await remindersOf(key.id)).toHaveLength(1);
    expect(await remindersOf(quiet.id)).toEqual([]);
  }, 60_000);
});

describe('snoozing the reminders of a key', () => {
  it('is answered with the time, and stands in its history', async () => {
    const key = await server.api.generateKey({ expiresIn: 'P60D' });
    const until = new Date(Date.now() + 86_400_000).toISOString();
    expect(bodyOf(await snooze(key.id, { until }), 200)).toEqual({ id: key.id, snoozedUntil: until });
    const events = await server.api.events(key.id);
    expect(events.at(-1)).toMatchObject({ type: 'ReminderSnoozed', data: { until } });
    expect(bodyOf(await snooze(key.id, { until }), 200)).toEqual({ id: key.id, snoozedUntil: until });
    expect(await server.api.events(key.id)).toHaveLength(events.length);
    const { snoozedUntil } = bodyOf<{ snoozedUntil: string }>(await snooze(key.id, { for: 'P7D' }), 200);
    expect(Date.parse(snoozedUntil) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
  });

  it.each([
    ['no time', {}, 400, 'invalid-request'],
    ['two times', { until: '2030-01-01T00:00:00Z', for: 'P1D' }, 400, 'invalid-request'],
    ['a time that is past', { until: '2020-01-01T00:00:00Z' }, 422, 'invalid-value'],
    ['more than a year', { for: 'P367D' }, 422, 'invalid-value'],
    ['no time of its own', { for: 'PT0S' }, 400, 'invalid-request'],
  ])('for %s is refused', async (_, body, status, code) => {
    const key = await server.api.generateKey();
    expectRefused(await snooze(key.id, body), status, code);
  });

  it('is refused for a key that has ended', async () => {
    const key = await server.api.generateKey();
    await server.api.revoke(key.id);
    expectRefused(await snooze(key.id, { for: 'P1D' }), 409, 'key-revoked');
  });
});
