import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../e2e/server-process.js';
import { JobScene } from './job-scene.js';

/** Enough for a worker to start and to put the jobs into Redis. */
const DUE_IN_MS = 9_000;
/** What ARCHITECTURE.md promises. */
const WITHIN_MS = 60_000;

let scene: JobScene;
beforeAll(async () => {
  scene = await JobScene.start();
}, 60_000);
afterEach(() => scene.stopWorkers());
afterAll(() => scene.remove(), 30_000);

/** A worker whose jobs of this work wait in Redis. */
async function waiting() {
  const work = await scene.due(DUE_IN_MS);
  const worker = await scene.worker();
  await eventually('the jobs wait', DUE_IN_MS, () => scene.jobsWait(work));
  return { work, worker };
}

describe('expiries, reminders, graces, rotations and messages that are due', () => {
  it('happen once each although Redis forgot their jobs and a worker started anew', async () => {
    const { work } = await waiting();
    await scene.flushRedis();
    await scene.worker();
    await scene.expectOnce(work, WITHIN_MS);
  }, 60_000);

  it('happen once each although the worker that had them was killed', async () => {
    const { work, worker } = await waiting();
    await worker.server.stop('SIGKILL');
    await scene.worker();
    await scene.expectOnce(work, WITHIN_MS);
  }, 60_000);

  it('happen once each although the worker that had them stood still, and went on later', async () => {
    const { work, worker } = await waiting();
    worker.server.signal('SIGSTOP');
    await scene.worker();
    await eventually(
      'the expiry',
      WITHIN_MS,
      async () => (await scene.count(work.expires, 'KeyExpired')) > 0,
    );
    worker.server.signal('SIGCONT');
    await scene.expectOnce(work, WITHIN_MS);
  }, 60_000);

  it('happen once each after Redis was away, and callers are served meanwhile', async () => {
    const { work } = await waiting();
    const key = await scene.api.generateKey();
    scene.redis('cut');
    while (Date.now() < work.dueAt + 1_000) expect(await scene.serves(key)).toBe(true);
    scene.redis('open');
    await scene.expectOnce(work, WITHIN_MS);
  }, 90_000);
});
