import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.js';
import { serveStore } from './served-store.js';
import { jsonEvent, library, withClient } from './store-directory.js';

const WRITERS = 16;
/** A cycle is killed at a random moment in this span, which holds some hundred commits. */
const CYCLE_MS = { min: 20, max: 250 };

/** One writer: a stream, what was acknowledged in it, and the append whose answer did not come. */
class Writer {
  readonly acknowledged: { id: string; position: bigint }[] = [];
  private unanswered: string | undefined;
  retried = 0;

  constructor(readonly number: number) {}

  get stream(): string {
    return `writer-${this.number}`;
  }

  /** Appends until the server is gone. What was not answered is repeated first, with the same id and revision. */
  async write(client: Client): Promise<void> {
    for (;;) {
      if (this.unanswered) this.retried++;
      const id = this.unanswered ?? randomUUID();
      this.unanswered = id;
      try {
        const { position } = await client.appendToStream(
          this.stream,
          [jsonEvent(id, { filler: 'x'.repeat(200) })],
          this.expecting(),
        );
        this.acknowledged.push({ id, position: position!.commit });
        this.unanswered = undefined;
      } catch {
        return;
      }
    }
  }

  /** Half of the writers name the revision, half expect `any` and lean on the memory of ids. */
  private expecting(): Record<string, unknown> {
    const last = this.acknowledged.length - 1;
    if (this.number % 2 === 0) return library.expecting('any');
    return library.expecting(last < 0 ? 'no_stream' : BigInt(last));
  }

  /** Lost or doubled events; the one without an answer may or may not be there. */
  async problems(client: Client): Promise<string[]> {
    const found: { id: string; position: bigint }[] = [];
    const events = client.readStream(this.stream, { maxCount: 1_000_000 });
    for await (const { event } of events) found.push({ id: event!.id, position: event!.position!.commit });
    const expected = [...this.acknowledged];
    const extra = found[expected.length];
    if (extra && extra.id === this.unanswered) expected.push(extra);
    const show = (all: typeof found) => all.map(({ id, position }) => `${id}@${position}`).join();
    return show(found) === show(expected)
      ? []
      : [`${this.stream}: ${found.length} stored, ${expected.length} acknowledged`];
  }
}

/** Runs cycles of: start, 16 writers, `kill -9`, start again and look. Returns figures and what was wrong. */
export async function runKillCycles(
  directory: string,
  cycles: number,
): Promise<{ acknowledged: number; retried: number; problems: string[] }> {
  const writers = Array.from({ length: WRITERS }, (_, number) => new Writer(number));
  const problems: string[] = [];
  for (let cycle = 0; cycle < cycles; cycle++) {
    const store = await serveStore(directory);
    await withClient(store.connectionString, async (client) => {
      for (const writer of writers)
        if (writer.acknowledged.length > 0) problems.push(...(await writer.problems(client)));
      const writing = Promise.all(writers.map((writer) => writer.write(client)));
      await delay(randomInt(CYCLE_MS.min, CYCLE_MS.max));
      await store.kill();
      await writing;
    });
  }
  const store = await serveStore(directory);
  await withClient(store.connectionString, async (client) => {
    for (const writer of writers) problems.push(...(await writer.problems(client)));
  });
  await store.stop();
  return {
    acknowledged: writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0),
    retried: writers.reduce((sum, { retried }) => sum + retried, 0),
    problems,
  };
}
