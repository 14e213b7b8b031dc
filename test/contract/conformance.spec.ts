import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmbeddedStore } from '#libs/embedded-store';
import { CURRENT_CLIENT, loadClientPackage } from './client.js';
import { EXCEPTIONS } from './exceptions.js';
import { runScenario } from './run-scenario.js';
import type { Compared } from './run-scenario.js';
import { loadScenarios } from './scenario.js';
import type { Scenario } from './scenario.js';

/**
 * The recorded behaviour of a real EventStoreDB, on the embedded store; on a real server (which nobody else uses) when
 * EVENTSTORE_URL is set. CONTRACT_CLIENT chooses the client package; each needs a process of its own.
 */
const library = loadClientPackage(process.env['CONTRACT_CLIENT'] ?? CURRENT_CLIENT);
const realServer = process.env['EVENTSTORE_URL'] || undefined;
const scenarios = loadScenarios();

/** Scenarios mostly wait. Each lane is a store of its own, on which one scenario runs at a time. */
const LANES = realServer ? 1 : 8;
const HISTORY_EVENTS = 100;
const ALL_MS = 300_000;

async function openServer(directory: string): Promise<{ url: string; close: () => Promise<void> }> {
  if (realServer) return { url: realServer, close: () => Promise.resolve() };
  const store = await startEmbeddedStore({ directory });
  return { url: store.connectionString, close: () => store.close() };
}

describe(`recorded scenarios, ${library.name} on ${realServer ? 'a real server' : 'the embedded store'}`, () => {
  const results = new Map<Scenario, Compared[]>();
  const directory = mkdtempSync(join(tmpdir(), 'contract-'));

  async function runLane(number: number, waiting: Scenario[]): Promise<() => Promise<void>> {
    const server = await openServer(join(directory, String(number)));
    const client = library.connect(server.url);
    // A server has a history: what is read from the start of $all passes over more than a page of other events.
    const history = Array.from({ length: HISTORY_EVENTS }, () =>
      library.jsonEvent({ type: 'History', data: {} }),
    );
    await client.appendToStream('contract-history', history, {});
    for (let scenario = waiting.shift(); scenario; scenario = waiting.shift()) {
      results.set(scenario, await runScenario(library, client, scenario));
    }
    return async () => {
      await client.dispose();
      await server.close();
    };
  }

  beforeAll(async () => {
    const waiting = [...scenarios];
    const ends = await Promise.all(Array.from({ length: LANES }, (_, number) => runLane(number, waiting)));
    // All at the end: 6.2.1 keeps one table of pending appends for all clients, and clears it when one of them ends.
    for (const end of ends) await end();
  }, ALL_MS);

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('there are 227 of them', () => {
    expect(scenarios).toHaveLength(227);
  });

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (name, scenario) => {
    const compared = results.get(scenario)!;
    const answered = compared.map(({ step, answered }) => ({ step, answer: answered }));
    const expected = compared.map(({ step, expected }) => ({ step, answer: expected }));
    if (!realServer && name in EXCEPTIONS) expect(answered).not.toEqual(expected);
    else expect(answered).toEqual(expected);
  });
});
