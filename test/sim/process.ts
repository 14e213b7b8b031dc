import { CLOCK_DRIFT_MAX, type Reading } from '#libs/lease';
import type { World } from './world.js';

/** Most clocks run as wrong as clocks may: that is where a bound fails first. */
const EXTREME_DRIFT_SHARE = 0.7;
/** Both clocks of a machine hang on one oscillator; they differ by steps, and hardly by rate. */
const WALL_DRIFT_MAX = 0.0001;

/** What arrives in one channel is handled in the order in which it arrived; across channels there is none. */
type Channel = 'subscription' | undefined;

/**
 * A process of the simulation: it runs nothing while it is paused, and everything late at once when it goes on; nothing for
 * ever when it is dead. Its monotonic clock stands still while its machine is suspended.
 */
export class Process {
  alive = true;
  /** No byte to or from the store, or Redis, until then. */
  storeCutUntil = 0;
  redisCutUntil = 0;
  readonly #rate: number;
  readonly #wallRate: number;
  readonly #startedAt: number;
  #wallOffset: number;
  #standstill = 0;
  #pause: { readonly since: number; readonly suspended: boolean } | undefined;
  #backlog: { readonly run: () => void; readonly channel: Channel }[] = [];

  constructor(protected readonly world: World) {
    const sign = world.happens(0.5) ? 1 : -1;
    this.#rate = 1 + sign * CLOCK_DRIFT_MAX * (world.happens(EXTREME_DRIFT_SHARE) ? 1 : world.random());
    this.#wallRate = this.#rate + world.between(-WALL_DRIFT_MAX, WALL_DRIFT_MAX);
    this.#wallOffset = world.between(-1e6, 1e6);
    this.#startedAt = world.now;
  }

  /** Both clocks of this process. */
  reading(): Reading {
    return { monotonic: this.monotonic(), wall: this.#wallOffset + this.world.now * this.#wallRate };
  }

  monotonic(): number {
    return (this.world.now - this.#startedAt - this.#standstill) * this.#rate;
  }

  /** Somebody sets the clock. */
  setWall(byMs: number): void {
    this.#wallOffset += byMs;
  }

  /** `milliseconds` of true time from now this process does `run`, later when it is paused then. */
  after(milliseconds: number, run: () => void): void {
    this.world.after(milliseconds, () => this.do(run));
  }

  /** The same, by its own monotonic clock: a timer. Until it fires the process may be paused: then it is late. */
  timer(milliseconds: number, run: () => void): void {
    this.after(milliseconds / this.#rate, run);
  }

  /** Now, or when it goes on. */
  do(run: () => void, channel?: Channel): void {
    if (!this.alive) return;
    if (this.#pause === undefined) run();
    else this.#backlog.push({ run, channel });
  }

  /** Stops it (SIGSTOP), or its machine (`suspended`), for so long. One that is paused already is left alone. */
  pause(milliseconds: number, suspended: boolean): void {
    if (!this.alive || this.#pause !== undefined) return;
    const pause = { since: this.world.now, suspended };
    this.#pause = pause;
    this.world.after(milliseconds, () => this.#pause === pause && this.goOn());
  }

  get isPaused(): boolean {
    return this.#pause !== undefined;
  }

  kill(): void {
    this.alive = false;
    this.#backlog = [];
  }

  /** Handles what has come meanwhile: timers, messages and requests in any order, each channel in its own. */
  goOn(): void {
    if (this.#pause?.suspended) this.#standstill += this.world.now - this.#pause.since;
    this.#pause = undefined;
    while (this.#backlog.length > 0 && this.#pause === undefined) {
      const picked = this.world.pick(this.#backlog);
      const first = picked.channel
        ? this.#backlog.find(({ channel }) => channel === picked.channel)!
        : picked;
      this.#backlog.splice(this.#backlog.indexOf(first), 1);
      this.do(first.run);
    }
  }
}
