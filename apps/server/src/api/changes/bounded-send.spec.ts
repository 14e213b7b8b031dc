import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { send } from './bounded-send.js';

const open = new AbortController().signal;
/** A client for which one byte waits at most. */
const client = () => new PassThrough({ writableHighWaterMark: 1, readableHighWaterMark: 1 });

describe('a client that takes nothing', () => {
  it('is cut off after a while, and nothing more is written to it', async () => {
    const slow = client();
    await expect(send(slow, 'a change', open, 20)).rejects.toMatchObject({ name: 'AbortError' });
    expect(slow.destroyed).toBe(true);
  });

  it('is cut off at once when the stream is to end', async () => {
    const slow = client();
    const ended = new AbortController();
    const sending = send(slow, 'a change', ended.signal);
    ended.abort();
    await expect(sending).rejects.toMatchObject({ name: 'AbortError' });
    expect(slow.destroyed).toBe(true);
  });
});

describe('a client that takes what it gets', () => {
  it('gets more as soon as there is room', async () => {
    const slow = client();
    const sending = send(slow, 'a change', open, 10_000);
    slow.resume();
    await sending;
    const [second] = await Promise.all([once(slow, 'data'), send(slow, 'another', open)]);
    expect(String(second[0])).toBe('another');
    expect(slow.destroyed).toBe(false);
  });
});
