import { Injectable } from '@nestjs/common';
import { EventLog } from '#libs/event-store';
import { DEFAULT_POLICY, registries, type LeakAction } from '#libs/registries';

/** The policy of a registry about leaks. */
@Injectable()
export class LeakPolicy {
  constructor(private readonly log: EventLog) {}

  /** What a proven leak leads to. Asks the log: the policy of this moment counts. */
  async actionOf(registry: string): Promise<LeakAction> {
    const { state } = await this.log.read(registries, registry);
    return (state.status === 'none' ? DEFAULT_POLICY : state.policy).onLeak;
  }
}
