import { describe, expect, it } from '@jest/globals';
import { tailProbability } from './negative-binomial.js';

/** P(X >= count), by adding the probabilities of the counts below: P(0) = (r/(r+m))^r, P(k) = P(k-1) (k-1+r)/k m/(r+m). */
function summed(count: number, mean: number, dispersion: number): number {
  const share = mean / (mean + dispersion);
  let probability = (1 - share) ** dispersion;
  let below = 0;
  for (let k = 0; k < count; k += 1) {
    below += probability;
    probability *= ((k + dispersion) / (k + 1)) * share;
  }
  return 1 - below;
}

describe('the tail of the negative binomial distribution', () => {
  it.each([
    [1, 0.5, 0.2], [3, 2, 0.5], [10, 4, 1], [12, 8, 3], [40, 20, 5], [150, 90, 12], [25, 20, 50], [5, 30, 2],
  ])('from %d on, with mean %d and dispersion %d, is what its terms add up to', (count, mean, dispersion) =>
    expect(tailProbability(count, mean, dispersion)).toBeCloseTo(summed(count, mean, dispersion), 9),
  ); // prettier-ignore

  it('is 1 from 0 on, and falls with the count', () => {
    const tails = [0, 1, 5, 50, 500, 5000].map((count) => tailProbability(count, 10, 0.7));
    expect(tails[0]).toBe(1);
    expect(tails).toEqual([...tails].sort((a, b) => b - a));
    expect(tails.at(-1)).toBeLessThan(1e-12);
  });

  it('is far heavier than that of a Poisson distribution of the same mean', () => {
    const poisson = tailProbability(40, 10, 1e6);
    expect(tailProbability(40, 10, 0.5)).toBeGreaterThan(1e6 * poisson);
  });
});
