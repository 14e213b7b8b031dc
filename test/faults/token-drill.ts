import { randomBytes } from 'node:crypto';
import { Api, bodyOf } from '../e2e/api.js';
import { Cluster, type ClusterNode } from '../e2e/cluster.js';
import { exchange } from '../e2e/http-exchange.js';
import { eventually } from '../e2e/server-process.js';

/** Ended at once in each round: their callers do not hinder each other. */
const TOKENS_PER_ROUND = 10;
/** Every second round wakes the other node before the lease (3 s) is over, after a time in this range. */
const WAKE_AFTER_MS = { min: 100, max: 3_500 };
/** Writes with each ended token that begin after the answer. */
const LATER_WRITES = 3;
/** A node that stood still has a lease again within this time. */
const LEASE_LIMIT_MS = 15_000;

export interface TokenDrillReport {
  ended: number;
  acceptedBefore: number;
  /** Writes that began after the answer, by what became of them. The first must stay 0. */
  acceptedLater: number;
  refusedLater: number;
  /** 503: the other node held no lease. */
  unavailableLater: number;
}

interface IssuedToken {
  readonly id: string;
  readonly token: string;
}

/**
 * Two API nodes: access tokens are ended at one while the other one, at which callers write with them, stands still. It
 * goes on after a time that `random` (0 to 1) gives, or once the answers and further writes are there.
 */
export async function tokenDrill(options: {
  readonly rounds: number;
  readonly random: () => number;
}): Promise<TokenDrillReport> {
  const cluster = await Cluster.start();
  try {
    const settings = { MASTER_KEY: randomBytes(32).toString('base64') };
    const [here, there] = [await cluster.node('api', settings), await cluster.node('api', settings)];
    await here.start();
    await there.start();
    const drill = new TokenDrill(new Api(here.server.apiPort, cluster.token, 0), there);
    for (let round = 0; round < options.rounds; round++) {
      const { min, max } = WAKE_AFTER_MS;
      await drill.round(round % 2 === 0 ? undefined : min + options.random() * (max - min));
    }
    return drill.report;
  } finally {
    await cluster.remove();
  }
}

class TokenDrill {
  readonly report: TokenDrillReport = {
    ended: 0, acceptedBefore: 0, acceptedLater: 0, refusedLater: 0, unavailableLater: 0,
  }; // prettier-ignore
  #writes = 0;

  constructor(
    private readonly admin: Api,
    private readonly other: ClusterNode,
  ) {}

  async round(wakeAfterMs: number | undefined): Promise<void> {
    const tokens = await Promise.all(Array.from({ length: TOKENS_PER_ROUND }, () => this.#issue()));
    for (const { token } of tokens) {
      // The node may have to renew its lease after it stood still.
      await eventually(
        'the other node accepts the token',
        LEASE_LIMIT_MS,
        async () => (await this.#write(token)) === 200,
      );
      this.report.acceptedBefore++;
    }
    this.other.server.signal('SIGSTOP');
    const wake = (): void => this.other.server.signal('SIGCONT');
    const timer = wakeAfterMs === undefined ? undefined : setTimeout(wake, wakeAfterMs);
    try {
      const later = await Promise.all(tokens.map((token) => this.#endAndWrite(token)));
      wake();
      for (const status of await Promise.all(later.flatMap(({ writes }) => writes))) this.#count(status);
    } finally {
      clearTimeout(timer);
      wake();
    }
  }

  async #issue(): Promise<IssuedToken> {
    return bodyOf(await this.admin.call('/v1/access-tokens', { body: { name: 'drill' } }), 201);
  }

  /** The writes are under way, and not answered: the node may stand still. */
  async #endAndWrite({ id, token }: IssuedToken): Promise<{ writes: Promise<number>[] }> {
    const { status } = await this.admin.call(`/v1/access-tokens/${id}`, { method: 'DELETE' });
    if (status !== 204) throw new Error(`ending a token was answered with ${status}`);
    this.report.ended++;
    return { writes: Array.from({ length: LATER_WRITES }, () => this.#write(token)) };
  }

  /** A write at the other node: each one appends an event. */
  async #write(token: string): Promise<number> {
    const headers = { authorization: `Bearer ${token}` };
    const body = { name: `written ${++this.#writes}` };
    const request = { method: 'PATCH', path: '/v1/registries/myapp', headers, body };
    return (await exchange(this.other.server.apiPort, request)).status;
  }

  #count(status: number): void {
    if (status === 200) this.report.acceptedLater++;
    else if (status === 401) this.report.refusedLater++;
    else if (status === 503) this.report.unavailableLater++;
    else throw new Error(`a write was answered with ${status}`);
  }
}
