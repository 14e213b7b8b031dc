import { afterEach, describe, expect, it } from '@jest/globals';
import { GateFixture, type TestKey } from './testing/gate-fixture.js';

let gate: GateFixture;
let reader: TestKey;
let asked: number;
let release: () => void;
let isHeld: Promise<void>;
/** The second request. */
let isHeldToo: Promise<void>;

/** A gate that is not ready; whoever waits for it is let go by `release`. */
async function start(waitReady?: () => Promise<unknown>): Promise<void> {
  asked = 0;
  const tellHeld: (() => void)[] = [];
  isHeld = new Promise((resolve) => tellHeld.push(resolve));
  isHeldToo = new Promise((resolve) => tellHeld.push(resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  gate = await GateFixture.start({
    drainMs: 300,
    waitReady: () => {
      tellHeld[asked++]?.();
      return waitReady ? waitReady() : released;
    },
  });
  gate.ready = 'the lease has run out';
  reader = gate.generateKey('read');
}

afterEach(() => gate.gate.close());

const ask = (path = '/v2/') => gate.ask(path, { headers: { authorization: reader.authorization } });

describe('a request to a gate that is not ready, but may be in a moment', () => {
  it('is held until it is, and then answered', async () => {
    await start();
    const answers = Promise.all([ask(), ask()]);
    await isHeld;
    await isHeldToo;
    expect(gate.decisions).toEqual([]);
    gate.ready = true;
    release();
    for (const { status } of await answers) expect(status).toBe(200);
    expect(asked).toBe(2);
  });

  it('is decided by what is known after the wait, not before', async () => {
    await start();
    const answer = ask();
    await isHeld;
    gate.revoke(reader);
    gate.ready = true;
    release();
    expect((await answer).status).toBe(401);
  });

  it('is told 503 when the wait ends without readiness, whatever ended it', async () => {
    for (const waitReady of [() => Promise.resolve(), () => Promise.reject(new Error('gave up'))]) {
      await start(waitReady);
      const answer = await ask();
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(gate.decisions).toEqual([{ outcome: 'not_ready', action: undefined }]);
      await gate.gate.close();
    }
  });

  it('is held once at most: readiness that goes again meets a refusal', async () => {
    await start(() => Promise.resolve());
    await ask();
    expect(asked).toBe(1);
  });

  it('is not decided for a client that has gone', async () => {
    await start();
    const sent = gate.open('GET', '/v2/', { authorization: reader.authorization });
    sent.end();
    await isHeld;
    const gone = new Promise((resolve) => sent.once('close', resolve));
    sent.destroy();
    await gone;
    // Answered after the gate has seen the end of the other connection.
    gate.ready = true;
    await ask();
    release();
    await ask();
    expect(gate.decisions).toEqual([
      { outcome: 'allowed', action: 'login' },
      { outcome: 'allowed', action: 'login' },
    ]);
  });

  it('is told 503 when the gate ends meanwhile', async () => {
    await start();
    const answer = ask();
    await isHeld;
    await gate.gate.close();
    expect((await answer).status).toBe(503);
  });

  it('that the gate then fails at is told 500, and the gate goes on', async () => {
    await start();
    gate.happens('RegistryCreated', 'reg_cccccccccccccccc', { slug: 'mine' });
    gate.happens('HostAdded', 'reg_cccccccccccccccc', { host: 'third.example' });
    const { authorization } = gate.generateKey('read', { registry: 'reg_cccccccccccccccc' });
    const headers = { host: 'third.example', authorization };
    const answer = gate.ask('/v2/app/tags/list', { headers });
    await isHeld;
    gate.ready = true;
    release();
    expect((await answer).status).toBe(500);
    expect((await ask()).status).toBe(200);
  });

  it('waits for nothing when the gate is ready', async () => {
    await start();
    gate.ready = true;
    expect((await ask()).status).toBe(200);
    expect(asked).toBe(0);
  });
});
