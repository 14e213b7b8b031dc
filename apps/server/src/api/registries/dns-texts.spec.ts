import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dnsTexts } from './dns-texts.js';
import { DnsServer } from './testing/dns-server.js';

const NAME = '_dockreg.example.com';
/** The limit of 5 s, and what a busy machine takes on top. */
const LIMIT_MS = 6_500;

let silent: DnsServer[];
let answering: DnsServer;
beforeAll(async () => {
  silent = await Promise.all([DnsServer.start(), DnsServer.start(), DnsServer.start()]);
  for (const server of silent) server.replies.set(NAME, 'silence');
  answering = await DnsServer.start();
  answering.setTexts(NAME, 'a', ['b', 'c']);
});
afterAll(() => [...silent, answering].forEach((server) => server.close()));

describe('a look-up of texts', () => {
  it('goes on to the next server when one says nothing', async () => {
    const servers = [silent[0]!.address, answering.address];
    expect(await dnsTexts(NAME, servers)).toEqual(['a', 'bc']);
    expect(silent[0]!.asked).toContain(NAME);
  });

  it('is given up in time when none of many servers says anything', async () => {
    const startedAt = performance.now();
    const servers = silent.map(({ address }) => address);
    await expect(dnsTexts(NAME, servers)).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
    expect(silent.every(({ asked }) => asked.includes(NAME))).toBe(true);
  });

  it('keeps nothing of an earlier one', async () => {
    answering.setTexts(NAME, 'new');
    expect(await dnsTexts(NAME, [answering.address])).toEqual(['new']);
  });
});
