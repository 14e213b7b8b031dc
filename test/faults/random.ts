/** Numbers from 0 (included) to 1 that follow from a seed: xorshift32 (Marsaglia, 2003), enough to choose faults. */
export function seededRandom(seed: number): () => number {
  let state = (seed | 0) === 0 ? 1 : seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
