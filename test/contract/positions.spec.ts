import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore } from '#libs/embedded-store';
import type { EmbeddedStore } from '#libs/embedded-store';
import type { Client } from './client.js';
import { jsonEvent, library, readIds, rejection } from './store-directory.js';

/** On a real server too, when EVENTSTORE_URL is set. */
const realServer = process.env['EVENTSTORE_URL'] || undefined;
const directory = mkdtempSync(join(tmpdir(), 'positions-'));
const ids = [randomUUID(), randomUUID(), randomUUID()];
const stream = `positions-${randomUUID()}`;
/** Of the events. */
const positions: bigint[] = [];
let store: EmbeddedStore | undefined;
let client: Client;

beforeAll(async () => {
  store = realServer === undefined ? await startEmbeddedStore({ directory }) : undefined;
  client = library.connect(realServer ?? store!.connectionString);
  for (const id of ids)
    positions.push((await client.appendToStream(stream, [jsonEvent(id, {})], {})).position!.commit);
});
afterAll(async () => {
  await client.dispose();
  await store?.close();
  rmSync(directory, { recursive: true, force: true });
});

const FILTERS = [
  ['', {}],
  [' with a filter', { filter: library.streamFilter({ prefixes: [stream] }) }],
] as const;
const from = (commit: bigint, more: object) =>
  client.readAll({ fromPosition: { commit, prepare: commit }, maxCount: 1, ...more });

describe.each(FILTERS)('a read of $all%s', (_, more) => {
  it('begins at the position of any event', async () => {
    for (const [index, id] of ids.entries())
      expect(await readIds(from(positions[index]!, more))).toEqual([id]);
  });

  it('from a position between two events is refused, and the client goes on', async () => {
    for (const position of positions.slice(0, -1))
      expect(await rejection(readIds(from(position + 1n, more)))).toMatchObject({ type: 'unavailable' });
    expect(await readIds(from(positions[0]!, more))).toEqual([ids[0]]);
  });
});

describe.each(FILTERS)('a subscription to $all%s', (_, more) => {
  it('after a position between two events is refused', async () => {
    const commit = positions[0]! + 1n;
    const subscription = client.subscribeToAll({ fromPosition: { commit, prepare: commit }, ...more });
    const [error] = (await once(subscription, 'error')) as [Error];
    expect(error).toBeInstanceOf(Error);
  });
});
