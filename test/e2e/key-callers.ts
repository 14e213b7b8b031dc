import { EventEmitter, once } from 'node:events';
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import type { Api, GeneratedKey } from './api.js';

/** How far before and after the key in question the callers choose, so that its neighbours are in use too. */
const WINDOW = [0, -1, 0, 1] as const;

/**
 * Callers that use keys at the gate without a pause, each on one connection that is kept. All clocks are this process's
 * `performance.now()`: a request starts before its bytes are sent, and a revocation is answered after its bytes are read.
 */
export class KeyCallers {
  /** Index of the key that is used most. */
  target = 0;
  /** When the answer to a key's revocation had arrived. */
  readonly revokedAt: number[] = [];
  readonly #accepted = new Set<number>();
  readonly #later = new Map<number, number>();
  readonly #progress = new EventEmitter();
  readonly #sockets = new Set<Socket>();
  #figures = { started: 0, acceptedBefore: 0, refusedLater: 0, acceptedLater: 0 };
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly api: Api,
    private readonly keys: readonly GeneratedKey[],
    private readonly callers: number,
  ) {}

  start(): void {
    this.#progress.setMaxListeners(0);
    this.#running = Promise.all(Array.from({ length: this.callers }, (_, caller) => this.#call(caller)));
    // Whoever waits for progress must learn that there will be none.
    this.#running.catch((error: unknown) => this.#progress.emit('error', error));
  }

  /** Resolves once the key was accepted. */
  async accepted(index: number): Promise<void> {
    while (!this.#accepted.has(index)) await once(this.#progress, 'answer');
  }

  /** Resolves once `count` requests were answered that had started after the answer to the revocation. */
  async laterRequests(index: number, count: number): Promise<void> {
    while ((this.#later.get(index) ?? 0) < count) await once(this.#progress, 'answer');
  }

  async stop() {
    this.#stopped = true;
    await this.#running;
    return { ...this.#figures, connections: this.#sockets.size };
  }

  async #call(caller: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agent.on('free', (socket: Socket) => this.#sockets.add(socket));
    for (let turn = caller; !this.#stopped; turn++) {
      const index = this.target + WINDOW[turn % WINDOW.length]!;
      const key = this.keys[index];
      if (key) await this.#use(index, key, agent);
    }
    agent.destroy();
  }

  async #use(index: number, { key, id }: GeneratedKey, agent: Agent): Promise<void> {
    this.#figures.started++;
    const startedAt = performance.now();
    const { status } = await this.api.v2(key, { user: id, agent });
    const isLater = startedAt > (this.revokedAt[index] ?? Infinity);
    if (status !== 200 && status !== 401) throw new Error(`the gate answered ${status}`);
    if (isLater) this.#later.set(index, (this.#later.get(index) ?? 0) + 1);
    if (isLater) this.#figures[status === 200 ? 'acceptedLater' : 'refusedLater']++;
    else if (status === 200) this.#figures.acceptedBefore++;
    if (status === 200) this.#accepted.add(index);
    this.#progress.emit('answer');
  }
}
