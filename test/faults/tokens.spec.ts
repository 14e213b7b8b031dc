import { describe, expect, it } from '@jest/globals';
import { seededRandom } from './random.js';
import { tokenDrill } from './token-drill.js';

describe('an access token that is ended at one API node while another one stands still', () => {
  it('is refused there for every write that begins after the answer', async () => {
    const report = await tokenDrill({ rounds: 3, random: seededRandom(1) });
    expect(report).toMatchObject({ ended: 30, acceptedBefore: 30, acceptedLater: 0 });
    expect(report.refusedLater).toBeGreaterThan(0);
  }, 60_000);
});
