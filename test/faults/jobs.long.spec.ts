import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../e2e/server-process.js';
import { JobScene } from './job-scene.js';

const WITHIN_MS = 60_000;
/** A round of the reconciler puts the jobs of what is due within a minute. */
const AHEAD_MS = 50_000;
/** A successor that its maker left is discarded after a minute, and the next rounds find that the rotation is due. */
const MADE_ANEW_WITHIN_MS = 180_000;
const AWAY_MS = 30_000;

let scene: JobScene;
beforeAll(async () => {
  scene = await JobScene.start();
}, 60_000);
afterEach(async () => {
  scene.target.faults = [];
  await scene.stopWorkers();
});
afterAll(() => scene.remove(), 30_000);

/** A worker that is in the middle of a delivery: the target has the request, and says nothing. */
async function delivering() {
  scene.target.faultsAt = '/rotated';
  scene.target.faults = ['silence'];
  const work = await scene.due(5_000);
  const asked = () => scene.target.asked.filter(({ path }) => path === '/rotated').length;
  const before = asked();
  const worker = await scene.worker();
  await eventually('the target is asked', 60_000, () => asked() > before);
  return { work, worker };
}

describe('what is due', () => {
  it('happens once each, within 60 s, although Redis forgot every job under the running worker', async () => {
    const worker = await scene.worker();
    const work = await scene.due(AHEAD_MS);
    await eventually('the jobs wait', AHEAD_MS, () => scene.jobsWait(work));
    await scene.flushRedis();
    await scene.expectOnce(work, WITHIN_MS);
    expect(worker.server.output).not.toContain('"level":50');
  }, 200_000);

  it('happens once each although the worker was killed in the middle of a delivery', async () => {
    const { work, worker } = await delivering();
    await worker.server.stop('SIGKILL');
    await scene.worker();
    await scene.expectOnce(work, MADE_ANEW_WITHIN_MS);
  }, 300_000);

  it('happens once each although the worker stood still in the middle of a delivery, beyond the lock of its job', async () => {
    const { work, worker } = await delivering();
    worker.server.signal('SIGSTOP');
    await scene.worker();
    const rotated = async () => (await scene.count(work.rotated, 'KeyRotated')) > 0;
    await eventually('another worker rotates', MADE_ANEW_WITHIN_MS, rotated);
    worker.server.signal('SIGCONT');
    await scene.expectOnce(work, MADE_ANEW_WITHIN_MS);
  }, 300_000);

  it('happens once each after Redis was away for 30 s, and callers are served meanwhile', async () => {
    const worker = await scene.worker();
    const work = await scene.due(AHEAD_MS);
    await eventually('the jobs wait', AHEAD_MS, () => scene.jobsWait(work));
    const key = await scene.api.generateKey();
    scene.redis('cut');
    const until = Date.now() + AWAY_MS;
    while (Date.now() < until) expect(await scene.serves(key)).toBe(true);
    scene.redis('open');
    await scene.expectOnce(work, WITHIN_MS);
    expect(worker.server.pid).toBeGreaterThan(0);
  }, 300_000);
});
