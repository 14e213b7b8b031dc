import { describe, expect, it } from '@jest/globals';
import { reconnectDrill } from '../../../test/support/reconnect-drill.js';

describe('the store goes away for 2 s while 16 writers append', () => {
  it('loses and doubles nothing, and the subscription resumes by itself', async () => {
    const { acknowledged, stored, delivered, interruptions, ...times } = await reconnectDrill(2_000);
    expect(stored).toEqual(acknowledged);
    expect(delivered).toEqual(acknowledged);
    // Whether a writer hears of it depends on where in its retries the outage begins; it ends before most give up.
    expect(interruptions).toBeGreaterThan(0);
    // A gate holds requests for 1 s.
    expect(times.appendsAgainMs).toBeLessThan(1_000);
    expect(times.deliversAgainMs).toBeLessThan(1_000);
  }, 60_000);
});
