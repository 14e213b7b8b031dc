import { Injectable } from '@nestjs/common';
import { Refusal } from '#libs/kernel';
import { Membership } from '../../membership/membership.js';

/** Who may do what is decided from this node's memory, and so only while the node has its lease (ARCHITECTURE.md section 6). */
@Injectable()
export class UnderLease {
  constructor(private readonly membership: Membership) {}

  /**
   * Calls `decide` while the lease is held, and waits up to a second for it. `decide` is synchronous: neither must memory change
   * nor the lease end between looking and deciding. Throws Refusal `unavailable` when there is no lease.
   */
  async decide<T>(decide: () => T): Promise<T> {
    if (this.membership.ready() !== true) await this.membership.waitReady();
    const ready = this.membership.ready();
    if (ready !== true) throw new Refusal('unavailable', ready);
    return decide();
  }
}
