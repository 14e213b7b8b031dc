import { describe, expect, it } from '@jest/globals';
import { reconnectDrill } from '../../../test/support/reconnect-drill.js';

describe('the store goes away for 20 s while 16 writers append', () => {
  it('loses and doubles nothing, and the subscription resumes by itself', async () => {
    const { acknowledged, stored, delivered, ...figures } = await reconnectDrill(20_000);
    const appended = [...acknowledged.values()].reduce((sum, list) => sum + list.length, 0);
    process.stdout.write(`reconnect drill: ${JSON.stringify({ appended, ...figures })}\n`);
    expect(stored).toEqual(acknowledged);
    expect(delivered).toEqual(acknowledged);
    expect(figures.outages).toBeGreaterThan(0);
    expect(figures.interruptions).toBe(1);
    expect(figures.appendsAgainMs).toBeLessThan(1_000);
    expect(figures.deliversAgainMs).toBeLessThan(1_000);
  }, 120_000);
});
