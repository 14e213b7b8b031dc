/** Lets at most `max` calls run at once; the others wait in the order in which they came. */
export class Slots {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly max: number) {}

  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.taken < this.max) this.taken++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await call();
    } finally {
      this.leave();
    }
  }

  /** A slot goes straight to who waits longest, so that nobody who comes in between makes it one too many. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.taken--;
  }
}
