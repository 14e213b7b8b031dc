interface Waiter {
  readonly position: bigint;
  readonly finish: (reached: boolean) => void;
}

/** Callers that wait until a position has been applied. Owned by ReadModels. */
export class PositionWaiters {
  private readonly waiting = new Set<Waiter>();

  wait(position: bigint, applied: bigint | undefined, withinMs: number): Promise<boolean> {
    if (applied !== undefined && applied >= position) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.finish(false), withinMs);
      const waiter: Waiter = {
        position,
        finish: (reached) => {
          clearTimeout(timer);
          this.waiting.delete(waiter);
          resolve(reached);
        },
      };
      this.waiting.add(waiter);
    });
  }

  applied(position: bigint): void {
    for (const waiter of this.waiting) if (waiter.position <= position) waiter.finish(true);
  }

  close(): void {
    for (const waiter of this.waiting) waiter.finish(false);
  }
}
