import { describe, expect, it } from '@jest/globals';
import { deliveries, nextAttempt, recordAttempt, requestDelivery, type DeliveryFact } from './deliveries.js';
import { DEFAULT_EVENTS, EVENT_NAMES, eventOf, subscriptionOf, TEST_EVENT } from './events.js';
import { messageOf, type Told } from './messages.js';

const OF = { registry: 'reg_0000000000000001', channel: 'chn_0000000000000001' };
const at = '2026-01-05T09:00:00.000Z';
const requested = (test = false): DeliveryFact => ({
  type: 'NotificationRequested',
  data: { at, ...OF, test },
});
const delivered = (attempts: number) =>
  ({ type: 'NotificationDelivered', data: { at, ...OF, attempts, status: 204, durationMs: 1 } }) as const;
const failed = (attempt: number, nextAttemptAt: string | null) =>
  ({
    type: 'NotificationFailed',
    data: { at, ...OF, attempt, status: 500, error: 'no', nextAttemptAt, durationMs: 1 },
  }) as const;
const after = (...facts: DeliveryFact[]) => facts.reduce(deliveries.evolve, deliveries.initial);

describe('the retry schedule', () => {
  it('is that of Standard Webhooks, and ends after ten attempts', () => {
    const pauses = Array.from({ length: 10 }, (_, index) => nextAttempt(index + 1, 0));
    const [minute, hour] = [60_000, 3_600_000];
    expect(pauses).toEqual([
      5_000, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour, undefined,
    ]); // prettier-ignore
  });

  it('waits longer when the target asks for it, and a day at most', () => {
    expect(nextAttempt(1, 1_000, 61_000)).toBe(61_000);
    expect(nextAttempt(2, 1_000, 2_000)).toBe(301_000);
    expect(nextAttempt(1, 1_000, Number.MAX_SAFE_INTEGER)).toBe(1_000 + 24 * 3_600_000);
  });
});

describe('an attempt', () => {
  it('is recorded once: neither another worker nor a late answer records it again', () => {
    expect(recordAttempt(0, delivered(1))(after())).toEqual([delivered(1)]);
    expect(recordAttempt(0, delivered(1))(after(delivered(1)))).toEqual([]);
    expect(recordAttempt(0, failed(1, at))(after(failed(1, at)))).toEqual([]);
    expect(recordAttempt(0, delivered(2))(after(failed(1, null)))).toEqual([]);
  });

  it('of an earlier round is not recorded in a later one', () => {
    expect(recordAttempt(0, failed(2, at))(after(failed(1, at), requested()))).toEqual([]);
    expect(recordAttempt(1, delivered(1))(after(failed(1, at), requested()))).toEqual([delivered(1)]);
  });
});

describe('a request for a delivery', () => {
  const ask = requestDelivery({ at, ...OF, test: false });
  it('begins another round of what was delivered, given up or waits', () => {
    for (const state of [after(), after(delivered(1)), after(failed(10, null)), after(failed(1, at))])
      expect(ask(state)).toHaveLength(1);
  });
  it('adds nothing while another one waits', () => expect(ask(after(delivered(1), requested()))).toEqual([]));
});

describe('what a message says', () => {
  const told = (event: Told['event'], more: Partial<Told> = {}): Told => ({
    event,
    at,
    data: {},
    registry: { id: OF.registry, slug: 'myapp', name: 'My app', timeZone: 'UTC' },
    key: { id: 'drk_0000000000000001', name: 'CI', expiresAt: null },
    apiUrl: undefined,
    ...more,
  });
  const all = [...EVENT_NAMES, TEST_EVENT] as const;

  it.each(all)('%s: which key, in which registry, and what to do', (event) => {
    const { summary, advice, payload } = messageOf(
      told(event, { data: { expiresAt: at, rotateBy: at, rule: 'new-country' } }),
    );
    expect(summary).toContain('registry My app (myapp)');
    expect(summary).toContain('Key CI (drk_0000000000000001)');
    expect(advice).not.toBe('');
    expect(payload).toMatchObject({ type: event, timestamp: at, data: { registry: { slug: 'myapp' } } });
  });

  it('an alert: what was seen, from where, what is usual, and the command of the advised step', () => {
    const data = {
      alert: 'alt_0000000000000001', rule: 'push-from-unexpected-place', severity: 'high', next: 'suspend', where: 'BR, AS64999',
      title: 'The key writes from an unexpected place', seen: 'pushes 7', usual: 'countries DE',
    }; // prettier-ignore
    const { summary, advice, command, payload } = messageOf(told('alert.raised', { data }));
    expect(summary).toContain('raised a high alert, push-from-unexpected-place: The key writes from');
    expect(advice).toMatch(/^From: BR, AS64999\. Seen: pushes 7\. Usual: countries DE\. .*suspend the key/);
    expect(command).toContain('/keys/drk_0000000000000001/suspend');
    expect(payload.data).toMatchObject({
      alert: data.alert,
      where: data.where,
      seen: data.seen,
      usual: data.usual,
    });
    const ofNone = messageOf(told('alert.raised', { data, key: undefined }));
    expect(ofNone.command).toContain('/v1/registries/myapp/alerts/alt_0000000000000001"');
  });

  it('a digest: how many alerts waited, and which', () => {
    const data = { total: 2, list: 'new-network (low) of drk_1; new-asn (low)' };
    const { summary, advice, payload } = messageOf(told('alert.digest', { data, key: undefined }));
    expect(summary).toBe('2 alerts that could wait in registry My app (myapp)');
    expect(advice).toBe(`They are: ${data.list}.`);
    expect(payload).toMatchObject({ type: 'alert.digest', data });
  });

  it.each([
    [
      'nothing',
      'its secret is out, and nothing was done',
      /^Revoke it/,
      '/keys/drk_0000000000000001/revoke"',
    ],
    ['suspended', 'its secret is out, and it was suspended', /somebody resumes it\. Revoke it/, '/revoke"'],
    [
      'revoked',
      'its secret is out, and it was revoked',
      /Generate another key/,
      '/v1/registries/myapp/keys"',
    ],
    [null, 'its secret is out in', /^Revoke it/, '/keys/drk_0000000000000001/revoke"'],
  ])('a leak: what was done (%s), and the next step', (done, says, advises, runs) => {
    const data = { source: 'content', proven: true, done, recipients: ['usr_a'] };
    const { summary, advice, command, payload } = messageOf(told('key.leak-reported', { data }));
    expect(`${summary} in`).toContain(`was reported as leaked by content: ${says}`);
    expect(advice).toMatch(advises);
    expect(command).toContain(runs);
    expect(payload.data).toMatchObject({ done });
    expect(JSON.stringify(payload)).not.toContain('usr_a');
  });

  it('a schedule that lapsed: why, to whoever is told of failed rotations', () => {
    const { summary, advice } = messageOf(
      told('key.rotation-lapsed', { data: { error: 'the target answered 503' } }),
    );
    expect(summary).toContain('expired before it could be rotated automatically: the target answered 503');
    expect(advice).toContain('schedule ended');
    expect(subscriptionOf('key.rotation-lapsed')).toBe('key.rotation-failed');
  });

  it('a reminder names the command that rotates the key', () =>
    expect(messageOf(told('key.expiry-reminded')).command).toBe(
      `curl -X POST -H "Authorization: Bearer $DOCKREG_TOKEN" -H 'Content-Type: application/json' -d '{"gracePeriod":"PT24H"}' ` +
        '"$DOCKREG_URL/v1/registries/myapp/keys/drk_0000000000000001/rotate"',
    ));

  it('tells times in the zone of the registry', () => {
    const registry = { id: OF.registry, slug: 'myapp', name: 'My app', timeZone: 'Europe/Berlin' };
    const data = { expiresAt: '2026-07-05T22:30:00.000Z' };
    const { summary } = messageOf(told('key.expiry-reminded', { data, registry }));
    expect(summary).toContain('expires on 2026-07-06 00:30 (Europe/Berlin)');
  });

  it('names the address of the API where it is known', () => {
    const { command } = messageOf(told('key.suspended', { apiUrl: 'https://keys.example.com' }));
    expect(command).toContain(
      '"https://keys.example.com/v1/registries/myapp/keys/drk_0000000000000001/resume"',
    );
  });

  it('holds no line break or mark of direction of a name, and no name stands in a command', () => {
    const evil = 'CI\r\nBcc: a@b\u2028\u202e"; rm -rf / #';
    for (const event of all) {
      const key = { id: 'drk_0000000000000001', name: evil, expiresAt: null };
      const registry = { id: OF.registry, slug: 'myapp', name: evil, timeZone: 'UTC' };
      const { summary, command, payload } = messageOf(told(event, { key, registry }));
      expect(`${summary}${command}${JSON.stringify(payload.data)}`).not.toMatch(/[\r\n\u2028\u202e]/);
      expect(command ?? '').not.toContain('rm -rf');
    }
  });

  it('holds no field of a fact but those that may go out', () => {
    const data = {
      secretHash: 'ab',
      url: { ciphertext: 'x' },
      reason: 'private',
      permission: 'read',
      source: { a: 1 },
    };
    const text = JSON.stringify(messageOf(told('key.generated', { data })).payload);
    expect(text).toContain('"permission":"read"');
    expect(text).not.toMatch(/secretHash|ciphertext|private|"a":1/);
  });
});

describe('the events', () => {
  it('that a channel gets by default are reminders, failed rotations, leaks and alerts', () =>
    expect([...DEFAULT_EVENTS].sort()).toEqual([
      'alert.raised', 'alert.resolved', 'key.expiry-reminded', 'key.leak-reported', 'key.rotation-failed', 'key.rotation-reminded',
    ])); // prettier-ignore
  it('are found by the type of the fact; other facts tell nothing', () => {
    expect(eventOf('KeyRevoked')).toBe('key.revoked');
    const others = ['KeyChanged', 'AlertRepeated', 'toString'].map((type) => eventOf(type));
    expect(others).toEqual([undefined, undefined, undefined]);
  });
});
