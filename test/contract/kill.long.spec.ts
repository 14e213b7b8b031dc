import { afterAll, describe, expect, it } from '@jest/globals';
import { runKillCycles } from './kill-cycles.js';
import { killServedStores } from './served-store.js';
import { withDirectory } from './store-directory.js';

const CYCLES = 200;
const LONG_MS = 30 * 60_000;

afterAll(killServedStores);

describe('what was acknowledged', () => {
  it(
    `is there exactly once after ${CYCLES} times kill -9 under 16 writers`,
    () =>
      withDirectory(async (directory) => {
        const { acknowledged, retried, problems } = await runKillCycles(directory, CYCLES);
        expect(problems).toEqual([]);
        expect(acknowledged).toBeGreaterThan(CYCLES * 16);
        console.log(`${CYCLES} cycles, ${acknowledged} acknowledged, ${retried} retried, 0 lost, 0 doubled`);
      }),
    LONG_MS,
  );
});
