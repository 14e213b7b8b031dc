import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { operations } from '../support/api-document.js';
import type { Figures } from './fuzz.js';
import { fuzzAll } from './run.js';
import { World } from './world.js';

const FAULTS_SHOWN = 20;

/**
 * The guarantees of the fuzz, for so many requests to each operation within `limitMs`.
 * A run without writes would show nothing about those that were refused: more than `eventsMin` must be made.
 */
export function describeFuzz(
  each: number,
  { limitMs, eventsMin }: { limitMs: number; eventsMin: number },
): void {
  let world: World;
  let figures: Figures;
  beforeAll(async () => {
    world = await World.start();
    figures = await fuzzAll(world, each);
  }, limitMs);
  afterAll(() => world.remove(), 30_000);

  describe(`whatever is sent to any operation, ${each} requests each`, () => {
    it('is answered as documented, without a failure, a write that was refused, a secret, or data of another tenant', () => {
      expect(figures.faults.slice(0, FAULTS_SHOWN)).toEqual([]);
    });

    it('is much that is refused and much that is not, so that both were seen', () => {
      expect(figures.requests).toBeGreaterThanOrEqual(each * operations.length);
      expect(figures.statuses['2xx']).toBeGreaterThan(figures.requests / 5);
      expect(figures.statuses['4xx']).toBeGreaterThan(figures.requests / 5);
      expect(figures.neverGood.length).toBeLessThan(operations.length / 4);
      expect(figures.events).toBeGreaterThan(eventsMin);
    });
  });
}
