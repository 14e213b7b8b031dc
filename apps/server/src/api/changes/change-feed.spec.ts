import { beforeEach, describe, expect, it } from '@jest/globals';
import type { EventLog } from '#libs/event-store';
import { rightsOf, type Role } from '#libs/identity';
import { Refusal, type RecordedFact } from '#libs/kernel';
import type { ReadModels } from '#libs/read-models';
import type { Caller } from '../http/caller.js';
import type { Standing } from '../http/standing.js';
import { ChangeFeed, type Batch } from './change-feed.js';
import { RecentChanges } from './recent-changes.js';

const WANTED = { types: undefined, limit: 10 };
const inLog = (...positions: number[]): RecordedFact[] =>
  positions.map((position) => ({
    type: 'RegistryRenamed', category: 'registry', id: 'reg_a', data: { at: 'now', name: `n${position}` }, position: BigInt(position),
    metadata: { actor: { type: 'user', id: 'usr_a' } },
  })) as unknown as RecordedFact[]; // prettier-ignore

let log: RecordedFact[];
let applied: bigint;
let hasLease: boolean;
let role: Role | undefined;
let canRead: boolean;
let pagesUnderWay: number;
let mostPages: number;
/** Tells the node's memory what was applied. */
let append: (facts: readonly RecordedFact[]) => void;
let feed: ChangeFeed;

beforeEach(() => {
  [log, applied, hasLease, role, canRead] = [inLog(1, 3, 5), 5n, true, 'viewer', true];
  [pagesUnderWay, mostPages] = [0, 0];
  const readModels = { get position() { return applied; }, checkpoint: 0n, whenApplied: (listener: typeof append) => void (append = listener) } as unknown as ReadModels; // prettier-ignore
  const store = {
    async readAllAfter(after: bigint) {
      mostPages = Math.max(mostPages, ++pagesUnderWay);
      await new Promise((resolve) => setImmediate(resolve));
      pagesUnderWay--;
      return log.filter(({ position }) => position > after);
    },
    canReadFrom: () => Promise.resolve(canRead),
    eventAt: (at: bigint) => Promise.resolve(log.find(({ position }) => position === at)),
  } as unknown as EventLog;
  const standing = {
    require: () => Promise.resolve(),
    decide: (_caller: Caller, decide: () => unknown) =>
      hasLease ? Promise.resolve().then(decide) : Promise.reject(new Refusal('unavailable', 'no lease')),
  } as unknown as Standing;
  feed = new ChangeFeed(new RecentChanges(readModels), store, readModels, standing);
});

const caller = {
  userId: 'usr_a',
  principal: { user: 'usr_a', token: { id: 'drm_a', role: null, registry: null } },
  rights: () => (role ? rightsOf(role) : new Set()),
} as unknown as Caller;
const read = (after: bigint): Promise<Batch> =>
  feed.following(caller, (follower) => feed.read(follower, after, WANTED));
const shown = ({ items }: Batch): string[] => items.map(({ position }) => position);

describe('the feed of a node that is behind the log', () => {
  it('leaves out what the node has not applied, because its rights are older', async () => {
    applied = 3n;
    const batch = await read(0n);
    expect([shown(batch), batch.next, batch.atHead]).toEqual([['1', '3'], 3n, false]);
    expect(await read(3n)).toEqual({ items: [], next: 3n, atHead: true, behind: false });
  });

  it('begins at a position that the log has and the node has not, and at none that the log has not', async () => {
    applied = 3n;
    expect([await feed.start('5'), await feed.start('2'), await feed.start(undefined)]).toEqual([5n, 2n, 0n]);
    await expect(feed.start('6')).rejects.toMatchObject({ code: 'unknown-position' });
    await expect(feed.start('9999999999999999999')).rejects.toMatchObject({ code: 'unknown-position' });
  });
});

describe('the feed', () => {
  it('begins between two events only where memory has both, when the store refuses to read from there', async () => {
    canRead = false;
    await expect(feed.start('2')).rejects.toMatchObject({
      code: 'unknown-position',
      detail: 'after is no position of an event.',
    });
    expect(await feed.start('0')).toBe(0n);
    append(inLog(1, 3));
    expect(await feed.start('2')).toBe(2n);
  });

  it('shows nothing while the node may not decide', async () => {
    hasLease = false;
    await expect(read(0n)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('goes on beyond what the caller does not see', async () => {
    role = undefined;
    expect(await read(0n)).toEqual({ items: [], next: 5n, atHead: false, behind: true });
  });

  it('reads one page of the log at a time, however many catch up', async () => {
    await Promise.all(Array.from({ length: 8 }, () => read(0n)));
    expect(mostPages).toBe(1);
  });
});
