import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import type { EventLog } from '#libs/event-store';
import type { ReadModels } from '#libs/read-models';
import { MinPositionGuard } from './min-position.js';

/** A node that has applied position 5 of a log. */
class Node {
  asked = 0;
  readonly waitedFor: bigint[] = [];
  reaches = true;
  head: () => Promise<bigint | undefined> = () => Promise.resolve(9n);
  readonly guard = new MinPositionGuard(
    {
      position: 5n,
      waitFor: (position: bigint) => {
        this.waitedFor.push(position);
        return Promise.resolve(this.reaches);
      },
    } as unknown as ReadModels,
    { head: () => (this.asked++, this.head()) } as unknown as EventLog,
  );

  read(position: string): Promise<boolean> {
    const request = { headers: { 'dockreg-min-position': position } };
    const context = { switchToHttp: () => ({ getRequest: () => request }) };
    return this.guard.canActivate(context as unknown as ExecutionContext);
  }
}

describe('a read with Dockreg-Min-Position', () => {
  it('goes on at once when this node has applied it', async () => {
    const node = new Node();
    await expect(node.read('5')).resolves.toBe(true);
    expect([node.asked, node.waitedFor]).toEqual([0, []]);
  });

  it('waits until this node has applied it, and is told when that takes too long', async () => {
    const node = new Node();
    await expect(node.read('9')).resolves.toBe(true);
    expect(node.waitedFor).toEqual([9n]);
    node.reaches = false;
    await expect(node.read('9')).rejects.toMatchObject({ code: 'position-not-reached' });
  });

  it('is refused beyond the end of the log, without a question to the store for each caller', async () => {
    const node = new Node();
    const reads = Array.from({ length: 100 }, () => node.read('10'));
    const codes = (await Promise.allSettled(reads)).map(
      (one) => one.status === 'rejected' && one.reason.code,
    );
    expect(new Set(codes)).toEqual(new Set(['unknown-position']));
    expect(node.asked).toBe(2);
    expect(node.waitedFor).toEqual([]);
  });

  it('is not refused for an answer to a question that was asked before it was written', async () => {
    const node = new Node();
    let answer: (head: bigint) => void = () => undefined;
    node.head = () => new Promise((resolve) => (answer = resolve));
    const early = node.read('9');
    node.head = () => Promise.resolve(12n);
    const late = node.read('12');
    answer(9n);
    await expect(Promise.all([early, late])).resolves.toEqual([true, true]);
    expect(node.asked).toBe(2);
  });
});
