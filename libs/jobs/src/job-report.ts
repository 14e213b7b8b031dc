/** How a queue stood when it was last looked at. */
export interface QueueCounts {
  /** Jobs that wait for their time or for a worker; the one that runs the sweeps is among them. */
  readonly waiting: number;
  readonly active: number;
  /** Jobs that failed in all their attempts. The next reconciliation tries those again that are still due. */
  readonly dead: number;
}

/** What this process knows of its queues. Asks nobody, so that it answers while Redis is away. */
export class JobReport {
  private readonly counts = new Map<string, QueueCounts>();
  private readonly failures = new Map<string, number>();

  counted(queue: string, counts: QueueCounts): void {
    this.counts.set(queue, counts);
  }

  failed(queue: string): void {
    this.failures.set(queue, (this.failures.get(queue) ?? 0) + 1);
  }

  /** By queue: one number of each. */
  of(name: keyof QueueCounts): Record<string, number> {
    return Object.fromEntries([...this.counts].map(([queue, counts]) => [queue, counts[name]]));
  }

  /** By queue: attempts that failed since this process started. */
  failedAttempts(): Record<string, number> {
    return Object.fromEntries([...this.counts.keys()].map((queue) => [queue, this.failures.get(queue) ?? 0]));
  }

  /** By queue; empty in a process without workers. */
  status(): Record<string, QueueCounts & { readonly failedAttempts: number }> {
    const failed = this.failedAttempts();
    return Object.fromEntries(
      [...this.counts].map(([queue, counts]) => [queue, { ...counts, failedAttempts: failed[queue]! }]),
    );
  }
}
