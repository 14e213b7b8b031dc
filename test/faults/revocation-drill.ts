import { Agent } from 'node:http';
import { Api, type GeneratedKey } from '../e2e/api.js';
import { Cluster } from '../e2e/cluster.js';
import { GateCallers, type Figures } from './gate-callers.js';
import { FAULTS, GateSlot, type Fault } from './gate-slot.js';

const GATES = 3;
const CALLERS_PER_GATE = 4;
/** How long a fault lasts: shorter and longer than a lease (3 s). */
const FAULT_MS = { min: 200, max: 6_000 };
/** Further answers after the last revocation, so that it is tried out too. */
const LATER_ANSWERS = 60;

export interface DrillReport {
  readonly figures: Figures;
  /** Milliseconds from a revocation's request to its answer, and what was wrong then. */
  readonly durations: readonly { readonly milliseconds: number; readonly fault: Fault | 'none' }[];
  readonly faults: Readonly<Record<string, number>>;
}

/**
 * One API node, three gates and a worker; keys are revoked one after the other while callers use them at all gates. Before
 * `faultEvery`-th revocations a fault begins at one of the gates: of every kind in turn, for a time that `random` (0 to 1) gives.
 */
export async function revocationDrill(options: {
  readonly revocations: number;
  readonly faultEvery: number;
  readonly random: () => number;
}): Promise<DrillReport> {
  const cluster = await Cluster.start();
  try {
    const api = await cluster.node('api');
    const worker = await cluster.node('worker');
    await api.start();
    await worker.start();
    const slots = await Promise.all(Array.from({ length: GATES }, () => GateSlot.start(cluster)));
    const client = new Api(api.server.apiPort, cluster.token, slots[0]!.port);
    return await new Drill(client, slots, options).run();
  } finally {
    await cluster.remove();
  }
}

class Drill {
  readonly #durations: { milliseconds: number; fault: Fault | 'none' }[] = [];
  readonly #healing: Promise<void>[] = [];
  #faults = 0;

  constructor(
    private readonly client: Api,
    private readonly slots: readonly GateSlot[],
    private readonly options: Parameters<typeof revocationDrill>[0],
  ) {}

  async run(): Promise<DrillReport> {
    const keys = await this.#keys();
    const callers = new GateCallers(keys);
    for (const slot of this.slots) callers.call(() => slot.port, CALLERS_PER_GATE);
    const agent = new Agent({ keepAlive: true });
    for (const [index, { id }] of keys.entries()) {
      callers.target = index;
      await callers.accepted(index);
      const fault = isFaulty(index, this.options.faultEvery) ? this.#begin() : 'none';
      const sentAt = performance.now();
      await this.client.revoke(id, 'myapp', agent);
      callers.revokedAt[index] = performance.now();
      this.#durations.push({ milliseconds: callers.revokedAt[index] - sentAt, fault });
    }
    await Promise.all(this.#healing);
    await callers.answers(LATER_ANSWERS);
    agent.destroy();
    return { figures: await callers.stop(), durations: this.#durations, faults: this.#happened() };
  }

  async #keys(): Promise<GeneratedKey[]> {
    const keys: GeneratedKey[] = [];
    while (keys.length < this.options.revocations) keys.push(await this.client.generateKey());
    return keys;
  }

  /** The first gate that is whole suffers the next fault; with none left, revocations go on under those that are under way. */
  #begin(): Fault | 'none' {
    const slot = this.slots.find(({ busy }) => !busy);
    if (!slot) return 'none';
    const fault = FAULTS[this.#faults++ % FAULTS.length]!;
    const milliseconds = FAULT_MS.min + this.options.random() * (FAULT_MS.max - FAULT_MS.min);
    this.#healing.push(slot.suffer(fault, milliseconds));
    return fault;
  }

  #happened(): Record<string, number> {
    const total: Record<string, number> = {};
    for (const slot of this.slots) {
      for (const [fault, count] of slot.happened) total[fault] = (total[fault] ?? 0) + count;
    }
    return total;
  }
}

/** With `every` = Infinity none is. */
function isFaulty(index: number, every: number): boolean {
  return index % every === every - 1;
}
