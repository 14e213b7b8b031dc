import type { Process } from './process.js';
import type { World } from './world.js';

/** How much of what is sent gets lost, or is late by so much that nobody reckons with it any more. */
const LOST = 0.03;
const SLOW = 0.04;
const SLOW_MS = { min: 50, max: 1_500 };
/** A round trip in a calm network takes twice as much at most. */
const CALM_LATENCY_MAX_MS = 3;

/** How messages travel. In calm phases nothing is lost or slow. */
export class Network {
  calm = true;
  /** Of the messages of this run, so many take next to no time: bounds that are a little too tight show only then. */
  readonly #fastShare: number;

  constructor(private readonly world: World) {
    this.#fastShare = world.pick([0.1, 0.5, 0.95]);
  }

  latency(): number {
    const { world } = this;
    if (!this.calm && world.happens(SLOW)) return world.between(SLOW_MS.min, SLOW_MS.max);
    if (world.happens(this.#fastShare)) return world.between(0, 0.2);
    return world.between(0.2, this.calm ? CALM_LATENCY_MAX_MS : 20);
  }

  loses(): boolean {
    return !this.calm && this.world.happens(LOST);
  }

  /** From reading something to having applied it: a busy process, a full event loop. */
  processingTime(): number {
    return !this.calm && this.world.happens(0.1) ? this.world.between(10, 300) : this.world.between(0, 0.5);
  }
}

/** Runs `arrive` once the way between the process and the store has been travelled, unless the link was cut at either end of it. */
export function travel(
  world: World,
  network: Network,
  isCut: (process: Process) => boolean,
  process: Process,
  arrive: () => void,
): void {
  if (isCut(process) || network.loses()) return;
  world.after(network.latency(), () => {
    if (!isCut(process)) arrive();
  });
}
