import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Log } from '#libs/platform';
import { Reconciler } from './reconciler.js';

const ROUND_MS = 20_000;
const warn = jest.fn();
const log = { warn } as unknown as Log;
let reconciler: Reconciler;
afterEach(() => {
  reconciler.stop();
  jest.useRealTimers();
});

describe('the reconciler', () => {
  it('goes on with all other kinds of work while one waits for Redis, or fails', async () => {
    jest.useFakeTimers();
    const waiting = { reconcile: jest.fn(() => new Promise<void>(() => undefined)) };
    const failing = { reconcile: jest.fn(() => Promise.reject(new Error('no store'))) };
    const working = { reconcile: jest.fn(() => Promise.resolve()) };
    reconciler = new Reconciler([waiting, failing, working], log);
    reconciler.start();
    await jest.advanceTimersByTimeAsync(3 * ROUND_MS);
    expect(working.reconcile).toHaveBeenCalledTimes(4);
    expect(failing.reconcile).toHaveBeenCalledTimes(4);
    expect(waiting.reconcile).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledTimes(4);
  });
});
