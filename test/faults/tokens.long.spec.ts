import { describe, expect, it } from '@jest/globals';
import { seededRandom } from './random.js';
import { tokenDrill } from './token-drill.js';

describe('an access token that is ended at one API node while another one stands still, 500 times', () => {
  it('is refused there for every write that begins after the answer', async () => {
    const report = await tokenDrill({ rounds: 50, random: seededRandom(20_261_124) });
    process.stdout.write(`500 access tokens: ${JSON.stringify(report)}\n`);
    expect(report).toMatchObject({ ended: 500, acceptedBefore: 500, acceptedLater: 0 });
    expect(report.refusedLater).toBeGreaterThan(0);
  }, 600_000);
});
