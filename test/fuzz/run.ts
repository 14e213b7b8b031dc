import { operations } from '../support/api-document.js';
import { fuzz, type Figures } from './fuzz.js';
import type { World } from './world.js';

/** Runs the fuzz and prints its figures. `FUZZ_SEED=<seed>` sends the requests of that run again. */
export async function fuzzAll(world: World, each: number): Promise<Figures> {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const startedAt = performance.now();
  const figures = await fuzz(world, seed, each).catch((cause: unknown) => {
    throw new Error(`the fuzz came to no end, FUZZ_SEED=${seed}; the server said:\n${world.lastWords}`, {
      cause,
    });
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const { requests, events, statuses, neverGood, faults } = figures;
  process.stderr.write(
    `fuzz: ${requests} requests to ${operations.length} operations in ${seconds} s, FUZZ_SEED=${seed}: ${JSON.stringify(statuses)}, ` +
      `${events} events written, ${faults.length} faults; never with success: ${neverGood.join(', ') || 'none'}\n`,
  );
  return figures;
}
