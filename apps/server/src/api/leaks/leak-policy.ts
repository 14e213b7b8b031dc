import { Injectable } from '@nestjs/common';
import { EventLog } from '#libs/event-store';
import { registries } from '#libs/registries';

/** What is done when a key is reported with its true secret, beside telling the channels of the registry. */
export const LEAK_ACTIONS = ['notify', 'suspend', 'revoke'] as const;
export type LeakAction = (typeof LEAK_ACTIONS)[number];

/** The policy of a registry about leaks: `onLeak` of its policy. */
@Injectable()
export class LeakPolicy {
  constructor(private readonly log: EventLog) {}

  /** `notify` for a registry that laid down nothing. Asks the log: the policy of this moment counts. */
  async actionOf(registry: string): Promise<LeakAction> {
    const { state } = await this.log.read(registries, registry);
    const policy = state.status === 'none' ? {} : state.policy;
    const laidDown: unknown = 'onLeak' in policy ? policy.onLeak : undefined;
    return LEAK_ACTIONS.find((action) => action === laidDown) ?? 'notify';
  }
}
