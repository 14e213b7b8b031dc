import { describe, expect, it } from '@jest/globals';
import { Slots } from './slots.js';

describe('slots', () => {
  it('never let more run than they are, also when somebody comes while one is handed over, and give all back', async () => {
    const slots = new Slots(3);
    let [running, most, done] = [0, 0, 0];
    const call = (): Promise<void> =>
      slots.run(async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        done++;
      });
    for (let wave = 0; wave < 3; wave++) {
      const calls = Array.from({ length: 20 }, call);
      // A newcomer for each that ends, at once.
      const newcomers = calls.map((one) => one.then(call));
      await Promise.all(newcomers);
    }
    expect([most, running, done]).toEqual([3, 0, 120]);
  });

  it('go to who waits longest, and come back from a call that fails', async () => {
    const slots = new Slots(1);
    const order: number[] = [];
    const calls = [1, 2, 3].map((number) =>
      slots.run(() => {
        order.push(number);
        return number === 1 ? Promise.reject(new Error('no')) : Promise.resolve(number);
      }),
    );
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(order).toEqual([1, 2, 3]);
  });
});
