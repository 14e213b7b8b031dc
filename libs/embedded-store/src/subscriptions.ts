import type { CommittedEvent } from './log-writer.js';
import type { Subscription } from './subscription.js';

/** The open subscriptions, by what they look at. A commit is handed to those that it concerns. */
export class Subscriptions {
  private readonly toAll = new Set<Subscription>();
  private readonly toStream = new Map<string, Set<Subscription>>();

  /** Undefined = `$all`. Returns what removes it again. */
  add(stream: string | undefined, subscription: Subscription): () => void {
    if (stream === undefined) {
      this.toAll.add(subscription);
      return () => this.toAll.delete(subscription);
    }
    const subscriptions = this.toStream.get(stream) ?? new Set();
    this.toStream.set(stream, subscriptions.add(subscription));
    return () => {
      subscriptions.delete(subscription);
      if (subscriptions.size === 0) this.toStream.delete(stream);
    };
  }

  publish(events: readonly CommittedEvent[]): void {
    if (events.length === 0) return;
    for (const subscription of this.toAll) subscription.deliver(events);
    if (this.toStream.size === 0) return;
    for (const stream of new Set(events.map((event) => event.stream))) {
      for (const subscription of this.toStream.get(stream) ?? []) subscription.deliver(events);
    }
  }
}
