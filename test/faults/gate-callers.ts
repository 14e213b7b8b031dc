import { EventEmitter, once } from 'node:events';
import { Agent } from 'node:http';
import type { GeneratedKey } from '../e2e/api.js';
import { basic, exchange } from '../e2e/http-exchange.js';

/** How far before and after the key in question the callers choose, so that its neighbours are in use too. */
const WINDOW = [0, -1, 0, 1, -2] as const;
/** A caller whose gate is gone waits this long before it asks again, so that it leaves the CPU to the rest. */
const GONE_PAUSE_MS = 20;

export interface Figures {
  started: number;
  acceptedBefore: number;
  refusedLater: number;
  /** Must stay 0. */
  acceptedLater: number;
  /** 503: the gate held no lease. */
  unavailable: number;
  /** The gate was killed, or its link was cut. */
  broken: number;
}

/**
 * Callers that use keys at several gates without a pause, whatever happens to the gates. All clocks are this process's
 * `performance.now()`: a request starts before its bytes are sent, and a revocation is answered after its bytes are read.
 */
export class GateCallers {
  /** Index of the key that is used most. */
  target = 0;
  /** When the answer to a key's revocation had arrived. */
  readonly revokedAt: number[] = [];
  readonly figures: Figures = {
    started: 0, acceptedBefore: 0, refusedLater: 0, acceptedLater: 0, unavailable: 0, broken: 0,
  }; // prettier-ignore
  readonly #accepted = new Set<number>();
  readonly #progress = new EventEmitter();
  readonly #running: Promise<void>[] = [];
  readonly #agents: Agent[] = [];
  #stopped = false;

  constructor(private readonly keys: readonly GeneratedKey[]) {
    this.#progress.setMaxListeners(0);
  }

  /** Adds callers of one gate; `port` is asked before each request, so a restarted gate is followed. */
  call(port: () => number, callers: number): void {
    for (let caller = 0; caller < callers; caller++) {
      const running = this.#loop(port, caller);
      // Whoever waits for progress must learn that there will be none.
      running.catch((error: unknown) => this.#progress.emit('error', error));
      this.#running.push(running);
    }
  }

  /** Resolves once the key was accepted. */
  async accepted(index: number): Promise<void> {
    while (!this.#accepted.has(index)) await once(this.#progress, 'answer');
  }

  /** Resolves when `count` further requests have been answered. */
  async answers(count: number): Promise<void> {
    for (let left = count; left > 0; left--) await once(this.#progress, 'answer');
  }

  async stop(): Promise<Figures> {
    this.#stopped = true;
    await Promise.all(this.#running);
    this.#agents.forEach((agent) => agent.destroy());
    return this.figures;
  }

  async #loop(port: () => number, caller: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agents.push(agent);
    for (let turn = caller; !this.#stopped; turn++) {
      const index = this.target + WINDOW[turn % WINDOW.length]!;
      const key = this.keys[index];
      if (key) await this.#use(port(), index, key, agent);
      else await new Promise(setImmediate);
    }
  }

  async #use(port: number, index: number, { key, id }: GeneratedKey, agent: Agent): Promise<void> {
    const { figures } = this;
    figures.started++;
    const startedAt = performance.now();
    const headers = { authorization: basic(id, key) };
    const status = await exchange(port, { path: '/v2/', headers, agent }).then(
      (answer) => answer.status,
      () => 0,
    );
    // Looked at now: the revocation may have been answered while this request was on its way, and it started before.
    const isLater = startedAt > (this.revokedAt[index] ?? Infinity);
    if (status === 0) figures.broken++;
    else if (status === 503) figures.unavailable++;
    else if (status === 200) figures[isLater ? 'acceptedLater' : 'acceptedBefore']++;
    else if (status !== 401) throw new Error(`the gate answered ${status}`);
    else if (isLater) figures.refusedLater++;
    if (status === 200) this.#accepted.add(index);
    this.#progress.emit('answer');
    if (status === 0) await new Promise((resolve) => setTimeout(resolve, GONE_PAUSE_MS));
  }
}
