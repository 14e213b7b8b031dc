import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore } from '#libs/embedded-store';
import { RawEvents, type NewRawEvent, type RawEvent } from '#libs/event-store';
import { seedKeys } from '../../../test/support/seed-keys.js';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { dockreg } from './testing/dockreg.js';
import { runStore } from './testing/running-store.js';

const KEYS = 300;
const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

function event(type: string, data: Uint8Array, more: Partial<NewRawEvent> = {}): NewRawEvent {
  return { id: randomUUID(), type, isJson: true, data, metadata: bytes('{"schemaVersion":1}'), ...more };
}

/** Bytes that a parser would not give back, and every special kind of stream. */
async function writeOddities(raw: RawEvents): Promise<void> {
  const odd = [
    event('Spaced', bytes('{ "b": 1.0, "a" : 9223372036854775807 }\n')),
    event('Separators', bytes('{"text":"\u2028\u2029\u0000é"}'), { metadata: bytes('not JSON') }),
    event('Binary', Buffer.from([0xff, 0xfe, 0, 10, 13]), {
      isJson: false,
      metadata: Buffer.from([0x80, 0]),
    }),
    event('Empty', Buffer.alloc(0), { isJson: false, metadata: Buffer.alloc(0) }),
    event('$>', bytes('0@odd-1'), { isJson: false }),
  ];
  await raw.append('odd-1', 0n, odd);
  const large = event('Large', Buffer.alloc(900_000, 0x61), { isJson: false });
  await raw.append('odd-1', 5n, [large]);
  await raw.append('$$lease-1', 0n, [event('$metadata', bytes('{"$maxCount":1}'))]);
  for (let renewal = 0n; renewal < 600n; renewal++) {
    await raw.append('lease-1', renewal, [event('LeaseRenewed', bytes(`{"n":${renewal}}`))]);
  }
  // Soft-deleted, and written again: the store itself adds metadata then.
  await raw.append('reborn-1', 0n, [event('Old', bytes('{}')), event('Old', bytes('{}'))]);
  await raw.append('$$reborn-1', 0n, [event('$metadata', bytes('{"$tb":9223372036854775807}'))]);
  await raw.append('reborn-1', 2n, [event('New', bytes('{}'))]);
  await raw.append('gone-1', 0n, [event('Old', bytes('{}'))]);
  await raw.append('$$gone-1', 0n, [event('$metadata', bytes('{"$tb":9223372036854775807}'))]);
  await raw.append('ended-1', 0n, [event('Old', bytes('{}'))]);
  await raw.tombstone('ended-1');
}

async function everything(raw: RawEvents): Promise<RawEvent[]> {
  const events: RawEvent[] = [];
  for (;;) {
    const page = await raw.readAllAfter(events.at(-1)?.position, 400);
    if (page.length === 0) return events;
    events.push(...page);
  }
}

/** What a restore keeps of an event; not the position, and not the id of what the server itself writes. */
function kept({ stream, revision, id, type, isJson, data, metadata }: RawEvent) {
  const content = [Buffer.from(data).toString('base64'), Buffer.from(metadata).toString('base64')];
  return { stream, revision, id: type === '$streamDeleted' ? '' : id, type, isJson, content };
}

const streamOf = (events: readonly RawEvent[], stream: string) =>
  events.filter((one) => one.stream === stream).map(kept);

/** Opens the store of a data directory that nobody uses. */
async function withStore<Result>(
  dataDir: string,
  work: (raw: RawEvents) => Promise<Result>,
): Promise<Result> {
  const store = await startEmbeddedStore({ directory: join(dataDir, 'events') });
  const raw = new RawEvents(store.connectionString);
  try {
    return await work(raw);
  } finally {
    await raw.close();
    await store.close();
  }
}

describe('dockreg backup and restore', () => {
  const directory = temporaryDirectory();
  const place = (name: string): string => join(directory.path, name);
  const [dataDir, file] = [place('data'), place('backup.gz')];
  let before: RawEvent[];
  let after: RawEvent[];

  beforeAll(async () => {
    const running = await runStore(dataDir);
    await seedKeys(running.connectionString, KEYS);
    await writeOddities(running.raw);
    before = await everything(running.raw);
    // Written to while it is backed up.
    const seeding = seedKeys(running.connectionString, 2_000, { first: KEYS });
    const ran = await dockreg(dataDir, ['backup', file, '--json']);
    expect(ran).toMatchObject({ code: 0 });
    await seeding;
    await running.stop();
    const restored = await dockreg(place('restored'), ['restore', file, '--json']);
    expect(restored).toMatchObject({ code: 0 });
    after = await withStore(place('restored'), everything);
  }, 120_000);
  afterAll(() => directory.remove());

  it('hold every event that stood in the log when the backup began', () => {
    const ids = new Set(after.map(({ id }) => id));
    expect(before.filter(({ id, type }) => type !== '$streamDeleted' && !ids.has(id))).toEqual([]);
  });

  it('hold no event whose predecessor in the log is missing', async () => {
    const all = await withStore(dataDir, everything);
    const ids = new Set(after.map(({ id }) => id));
    const last = all.findLastIndex(({ id }) => ids.has(id));
    const missing = all.slice(0, last).filter(({ id, type }) => type !== '$streamDeleted' && !ids.has(id));
    expect(missing).toEqual([]);
  });

  it('keep events, ids, revisions, data and metadata byte for byte in every stream', () => {
    for (const stream of new Set(before.map((one) => one.stream))) {
      const [old, restored] = [streamOf(before, stream), streamOf(after, stream)];
      if (stream === 'lease-1' || stream === 'installation-log') continue;
      expect(restored).toEqual(old);
    }
  });

  it('keep the newest event of a stream with $maxCount at its revision', () => {
    expect(streamOf(before, 'lease-1').map(({ revision }) => revision)).toEqual([599n]);
    expect(streamOf(after, 'lease-1')).toEqual(streamOf(before, 'lease-1'));
  });

  it('keep the order of events across streams, where the streams have no metadata', () => {
    const plain = (events: readonly RawEvent[]) =>
      events.filter(({ stream }) => /^(key|odd|installation)-/.test(stream)).map(({ id }) => id);
    expect(plain(after).slice(0, plain(before).length)).toEqual(plain(before));
  });

  it('begin a new log: the newest LogStarted has another id', () => {
    const started = after.filter(({ type }) => type === 'LogStarted');
    const ids = started.map(({ data }) => (JSON.parse(String(Buffer.from(data))) as { logId: string }).logId);
    expect(ids).toEqual(['log0000000000001', expect.stringMatching(/^[0-9A-Za-z]{16}$/)]);
    expect(ids[1]).not.toBe(ids[0]);
    expect(started[1]).toBe(after.at(-1));
  });

  it('can be repeated: a backup of the restored log restores to the same streams', async () => {
    const again = place('again.gz');
    expect((await dockreg(place('restored'), ['backup', again])).code).toBe(0);
    expect((await dockreg(place('twice'), ['restore', again])).code).toBe(0);
    const twice = await withStore(place('twice'), everything);
    for (const stream of [
      'odd-1',
      'lease-1',
      'reborn-1',
      '$$reborn-1',
      'gone-1',
      '$$gone-1',
      '$$lease-1',
      'ended-1',
    ]) {
      expect(streamOf(twice, stream)).toEqual(streamOf(after, stream));
    }
  }, 60_000);

  it('never overwrite a file', async () => {
    const content = readFileSync(file);
    const { code, err } = await dockreg(dataDir, ['backup', file]);
    expect({ code, err }).toEqual({
      code: 1,
      err: `dockreg: ${file} exists. A backup never overwrites a file.\n`,
    });
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  it('write a file for this user alone, and leave nothing beside it', () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory.path).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  it('refuse to restore into a log that has events, and change nothing', async () => {
    const { code, err } = await dockreg(dataDir, ['restore', file]);
    expect(code).toBe(1);
    expect(err).toContain('holds events. A restore never writes into a log');
    expect((await withStore(dataDir, everything)).length).toBeGreaterThan(before.length);
  });

  it('take the leavings of an interrupted restore for nothing', async () => {
    const target = place('interrupted');
    mkdirSync(join(target, 'events.restoring'), { recursive: true });
    writeFileSync(join(target, 'events.restoring', 'events.db'), 'half of a log');
    expect((await dockreg(target, ['restore', file])).code).toBe(0);
    expect(readdirSync(target)).not.toContain('events.restoring');
  });

  const text = () => gunzipSync(readFileSync(file)).toString('utf8');
  it.each<[string, () => Buffer, RegExp]>([
    ['of which one byte is flipped', () => flipped(readFileSync(file)), /cannot be unpacked|checksum|a line is no event/],
    ['that is cut off', () => readFileSync(file).subarray(0, -200), /cannot be unpacked/],
    ['without its end', () => gzipSync(text().replace(/\n[^\n]*\n$/, '\n')), /its end is missing/],
    ['of which one event was changed', () => gzipSync(text().replace('Key 7"', 'Key 8"').replace('Key 7\\"', 'Key 8\\"')), /checksum is wrong/],
    ['of which one event was taken out', () => gzipSync(text().replace(/\n[^\n]*\n/, '\n')), /events are missing/],
    ['that a later release wrote', () => gzipSync(text().replace('"version":1', '"version":2')), /later release/],
    ['that is something else', () => gzipSync('{"format":"tar"}\nx\n'), /does not begin as a backup|end is missing/],
    ['that is not even packed', () => Buffer.from('hello'), /cannot be unpacked/],
  ])('refuse a file %s before anything is written', async (what, make, reason) => {
    const damaged = place(`damaged-${what.replaceAll(' ', '-')}.gz`);
    writeFileSync(damaged, make());
    const target = place('untouched');
    const { code, err } = await dockreg(target, ['restore', damaged]);
    expect(code).toBe(1);
    expect(err).toMatch(reason);
    expect(existsSync(target)).toBe(false);
  }); // prettier-ignore
});

/** The first byte from the middle on whose flipped bit matters: some only make the same text by another repetition. */
function flipped(content: Buffer): Buffer {
  for (let at = Math.floor(content.length / 2); ; at++) {
    const copy = Buffer.from(content);
    copy[at]! ^= 0x10;
    if (unpacked(copy) !== unpacked(content)) return copy;
  }
}

function unpacked(content: Buffer): string | undefined {
  try {
    return gunzipSync(content).toString('utf8');
  } catch {
    return undefined;
  }
}
