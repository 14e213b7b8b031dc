import { EventEmitter, once } from 'node:events';
import { Agent } from 'node:http';
import { basic, exchange } from '../e2e/http-exchange.js';

/** One request and what became of it, on this process's `performance.now()`. */
export interface Pulled {
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0: the connection broke. */
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/**
 * `GET /v2/` with one good key at a fixed rate, whatever becomes of the requests before: while the gate holds them, they add
 * up, as those of independent clients would. On kept connections.
 */
export class PullLoad {
  readonly all: Pulled[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ended = new EventEmitter();
  readonly #timer: NodeJS.Timeout;
  #underWay = 0;

  constructor(
    private readonly port: number,
    private readonly authorization: string,
    requestsPerSecond: number,
  ) {
    this.#timer = setInterval(() => void this.#pull(), 1_000 / requestsPerSecond);
  }

  static with(port: number, { id, key }: { id: string; key: string }, requestsPerSecond: number): PullLoad {
    return new PullLoad(port, basic(id, key), requestsPerSecond);
  }

  /** Resolves with the first request that began at `from` or later and for which `condition` holds, when it is answered. */
  async first(from: number, condition: (pulled: Pulled) => boolean): Promise<Pulled> {
    for (;;) {
      const found = this.all.find((pulled) => pulled.startedAt >= from && condition(pulled));
      if (found) return found;
      await once(this.#ended, 'answer');
    }
  }

  /** Resolves when everything that was begun before `moment` and something that was begun after it has been answered. */
  async past(moment: number): Promise<void> {
    await this.first(moment, () => true);
  }

  /** Begins nothing more; all requests, when the last of them has been answered. */
  async stop(): Promise<readonly Pulled[]> {
    clearInterval(this.#timer);
    while (this.#underWay > 0) await once(this.#ended, 'answer');
    this.#agent.destroy();
    return this.all;
  }

  async #pull(): Promise<void> {
    this.#underWay++;
    const startedAt = performance.now();
    const headers = { authorization: this.authorization };
    const answer = await exchange(this.port, { path: '/v2/', headers, agent: this.#agent }).catch(
      () => undefined,
    );
    this.#underWay--;
    this.all.push({
      startedAt,
      endedAt: performance.now(),
      status: answer?.status ?? 0,
      retryAfter: answer?.headers['retry-after'],
    });
    this.#ended.emit('answer');
  }
}
