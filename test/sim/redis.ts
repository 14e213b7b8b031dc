import { travel, type Network } from './network.js';
import type { Process } from './process.js';
import type { World } from './world.js';

type Listener = (name: string, position: bigint) => void;

/** Redis: what it is told may get lost, late, or be flushed; sometimes it is away altogether. Keys carry the id of the log. */
export class SimulatedRedis {
  awayUntil = 0;
  readonly #values = new Map<string, bigint>();
  readonly #listeners = new Map<Process, { readonly logId: number; readonly heard: Listener }>();

  constructor(
    private readonly world: World,
    private readonly network: Network,
  ) {}

  flush(): void {
    this.#values.clear();
  }

  listen(process: Process, logId: number, heard: Listener): void {
    this.#listeners.set(process, { logId, heard });
  }

  forget(process: Process): void {
    this.#listeners.delete(process);
  }

  say(process: Process, logId: number, name: string, position: bigint): void {
    this.#travel(process, () => {
      this.#values.set(`${logId}:${name}`, position);
      for (const [listener, { logId: followed, heard }] of this.#listeners) {
        if (followed === logId) this.#travel(listener, () => listener.do(() => heard(name, position)));
      }
    });
  }

  ask(process: Process, logId: number, name: string, heard: Listener): void {
    this.#travel(process, () => {
      const position = this.#values.get(`${logId}:${name}`);
      if (position !== undefined) this.#travel(process, () => process.do(() => heard(name, position)));
    });
  }

  #travel(process: Process, arrive: () => void): void {
    const isCut = () => this.world.now < Math.max(process.redisCutUntil, this.awayUntil);
    travel(this.world, this.network, isCut, process, arrive);
  }
}
