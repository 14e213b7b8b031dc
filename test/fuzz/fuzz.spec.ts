import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { operations } from '../support/api-document.js';
import type { Figures } from './fuzz.js';
import { fuzzAll } from './run.js';
import { World } from './world.js';

const EACH = 100;
/** Measured: 20 s on two slow cores. */
const LIMIT_MS = 180_000;
/** A run without writes would show nothing about those that were refused. */
const EVENTS_MIN = 300;
const FAULTS_SHOWN = 20;

let world: World;
let figures: Figures;
beforeAll(async () => {
  world = await World.start();
  figures = await fuzzAll(world, EACH);
}, LIMIT_MS);
afterAll(() => world.remove(), 30_000);

describe(`whatever is sent to any operation, ${EACH} requests each`, () => {
  it('is answered as documented, without a failure, a write that was refused, a secret, or data of another tenant', () => {
    expect(figures.faults.slice(0, FAULTS_SHOWN)).toEqual([]);
  });

  it('is much that is refused and much that is not, so that both were seen', () => {
    expect(figures.requests).toBeGreaterThanOrEqual(EACH * operations.length);
    expect(figures.statuses['2xx']).toBeGreaterThan(figures.requests / 5);
    expect(figures.statuses['4xx']).toBeGreaterThan(figures.requests / 5);
    expect(figures.neverGood.length).toBeLessThan(operations.length / 4);
    expect(figures.events).toBeGreaterThan(EVENTS_MIN);
  });
});
