import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, ClusterNode } from '../e2e/cluster.js';

/**
 * What can happen to a gate. Every fault says when it is over: then the gate is whole again. `stall`: the process is stopped
 * and goes on. `cutStore`, `freezeStore`, `cutRedis`: its link is gone. `kill`: it dies and is started again under the same
 * host name. `twin`: it is stopped, another one starts under the same host name, and the old one goes on beside it.
 */
export const FAULTS = ['stall', 'cutStore', 'freezeStore', 'cutRedis', 'kill', 'twin'] as const;
export type Fault = (typeof FAULTS)[number];

/** A place in the cluster where a gate serves, whichever process does. */
export class GateSlot {
  /** Faults that happened, by kind. */
  readonly happened = new Map<Fault, number>();
  busy = false;
  #node!: ClusterNode;
  #port = 0;

  private constructor(private readonly cluster: Cluster) {}

  static async start(cluster: Cluster): Promise<GateSlot> {
    const slot = new GateSlot(cluster);
    await slot.#replace();
    return slot;
  }

  get port(): number {
    return this.#port;
  }

  get node(): ClusterNode {
    return this.#node;
  }

  /** Begins a fault at once; the promise resolves when the gate is whole again. */
  async suffer(fault: Fault, milliseconds: number): Promise<void> {
    if (this.busy) throw new Error('one fault at a time');
    this.busy = true;
    this.happened.set(fault, (this.happened.get(fault) ?? 0) + 1);
    try {
      await this.#suffer(fault, milliseconds);
    } finally {
      this.busy = false;
    }
  }

  async #suffer(fault: Fault, milliseconds: number): Promise<void> {
    const { server, store, redis } = this.#node;
    switch (fault) {
      case 'stall':
        server.signal('SIGSTOP');
        await delay(milliseconds);
        return server.signal('SIGCONT');
      case 'cutStore':
        store.cut();
        await delay(milliseconds);
        return store.open();
      case 'freezeStore':
        store.freeze();
        await delay(milliseconds);
        return store.open();
      case 'cutRedis':
        redis.cut();
        await delay(milliseconds);
        return redis.open();
      case 'kill':
        await server.stop('SIGKILL');
        return this.#serve(this.#node);
      case 'twin':
        return this.#twin(milliseconds);
    }
  }

  /** The old process is found by its callers again for a while, on its own port, after the new one has begun to serve. */
  async #twin(milliseconds: number): Promise<void> {
    const old = this.#node;
    const oldPort = this.#port;
    old.server.signal('SIGSTOP');
    await this.#replace();
    const newPort = this.#port;
    old.server.signal('SIGCONT');
    this.#port = oldPort;
    await delay(milliseconds);
    this.#port = newPort;
    await old.server.stop('SIGKILL');
  }

  async #replace(): Promise<void> {
    await this.#serve(await this.cluster.node('gate'));
  }

  async #serve(node: ClusterNode): Promise<void> {
    await node.start();
    this.#node = node;
    this.#port = node.server.gatePort;
  }
}
