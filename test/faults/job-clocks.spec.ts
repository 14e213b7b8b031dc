import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../e2e/server-process.js';
import { JobScene } from './job-scene.js';
import { MovedClock } from './moved-clock.js';

const HOUR = 3_600;

const gateClock = new MovedClock();
const workerClock = new MovedClock();
let scene: JobScene;
beforeAll(async () => {
  scene = await JobScene.start(gateClock.settings);
}, 60_000);
afterEach(async () => {
  gateClock.set(0);
  workerClock.set(0);
  await scene.stopWorkers();
});
afterAll(async () => {
  await scene.remove();
  gateClock.remove();
  workerClock.remove();
}, 30_000);

describe('a gate whose clock jumps back and forward by an hour', () => {
  it('accepts no key whose expiry is recorded', async () => {
    const [key, other] = [await scene.api.generateKey({ expiresIn: 'PT2S' }), await scene.api.generateKey()];
    expect((await scene.api.v2(key.key)).status).toBe(200);
    await scene.worker();
    await eventually('the expiry', 20_000, async () => (await scene.count(key.id, 'KeyExpired')) > 0);
    for (const seconds of [-HOUR, HOUR, 0, -HOUR]) {
      gateClock.set(seconds);
      const seen = new Set<number>();
      await eventually('the gate serves', 10_000, async () => {
        seen.add((await scene.api.v2(key.key)).status);
        return (await scene.api.v2(other.key)).status === 200;
      });
      seen.add((await scene.api.v2(key.key)).status);
      expect([...seen].filter((status) => status !== 503)).toEqual([401]);
    }
  }, 60_000);
});

// The last one: its facts are of an hour that has not come, and by them all time goes on.
describe('a worker whose clock jumps forward by an hour and back', () => {
  it('reminds of each step once', async () => {
    const work = await scene.due(HOUR * 500);
    const reminded = () => scene.count(work.reminded, 'KeyExpiryReminded');
    workerClock.set(HOUR);
    await scene.worker(workerClock.settings);
    await eventually('the reminder', 20_000, async () => (await reminded()) > 0);
    for (const seconds of [0, HOUR, 0]) {
      workerClock.set(seconds);
      await scene.looked(workerClock.settings);
    }
    expect(await reminded()).toBe(1);
  }, 90_000);
});
