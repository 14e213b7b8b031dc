import { randomBytes } from 'node:crypto';
import { Api, bodyOf } from '../e2e/api.js';
import { Cluster, type ClusterNode } from '../e2e/cluster.js';
import { exchange } from '../e2e/http-exchange.js';
import { eventually } from '../e2e/server-process.js';

/** Ended at once in each round: their callers do not hinder each other. */
const TOKENS_PER_ROUND = 10;
/**
 * What the other node suffers: it is stopped; it acts and reaches the store, but hears nothing of it; both at once. It always
 * comes back with writes waiting in its sockets that began after the answers.
 */
const FAULTS = ['stopped and deaf', 'deaf', 'stopped'] as const;
type TokenFault = (typeof FAULTS)[number];
/** A node that is only stopped goes on after a time in this range, mostly before its lease (3 s) is over. */
const HEAL_AFTER_MS = { min: 100, max: 3_500 };
/** Writes with each ended token that begin after the answer. */
const LATER_WRITES = 3;
/** Time for the writes that wait to be decided. */
const HEARS_AGAIN_AFTER_MS = 300;
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
 * Two API nodes: access tokens are ended at one while the other one, at which callers write with them, stands still. `random`
 * (0 to 1) gives how long.
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
      const { min, max } = HEAL_AFTER_MS;
      const fault = FAULTS[round % FAULTS.length]!;
      await drill.round(fault, fault === 'stopped' ? min + options.random() * (max - min) : undefined);
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

  async round(fault: TokenFault, healAfterMs: number | undefined): Promise<void> {
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
    const heal = this.#suffer(fault);
    const timer = healAfterMs === undefined ? undefined : setTimeout(heal, healAfterMs);
    try {
      const later = await Promise.all(tokens.map((token) => this.#endAndWrite(token)));
      clearTimeout(timer);
      heal();
      for (const status of await Promise.all(later.flatMap(({ writes }) => writes))) this.#count(status);
    } finally {
      clearTimeout(timer);
      heal();
    }
  }

  /** Answers what ends the fault. */
  #suffer(fault: TokenFault): () => void {
    const { server, store } = this.other;
    if (fault !== 'stopped') store.withholdAnswers();
    if (fault !== 'deaf') server.signal('SIGSTOP');
    return () => {
      server.signal('SIGCONT');
      // What waits in its sockets is decided first, by what it knew: it learns of the end only then.
      setTimeout(() => store.open(), HEARS_AGAIN_AFTER_MS);
    };
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

  /** Whatever else a write is answered with (a conflict with another write, say), the token had been accepted. */
  #count(status: number): void {
    if (status === 401) this.report.refusedLater++;
    else if (status === 503) this.report.unavailableLater++;
    else this.report.acceptedLater++;
  }
}
