import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CURRENT_CLIENT, loadClientPackage } from './client.js';
import type { Client, ClientResolvedEvent } from './client.js';

/** What the store's own cases share: the client, a fresh directory, and events. */

export const library = loadClientPackage(CURRENT_CLIENT);

export async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'embedded-store-'));
  try {
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export async function withClient(
  connectionString: string,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const client = library.connect(connectionString);
  try {
    await work(client);
  } finally {
    await client.dispose();
  }
}

/** `id` is a UUID; the server makes none. */
export function jsonEvent(id: string, data: object, metadata?: object): unknown {
  return library.jsonEvent({ id, type: 'Tested', data, ...(metadata ? { metadata } : {}) });
}

export async function readIds(events: AsyncIterable<ClientResolvedEvent>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { event } of events) ids.push(event!.id);
  return ids;
}

/** The error that a promise is rejected with; fails when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was expected to be rejected');
}
