import type { Log } from './log.js';

/** One part may take this long to end, unless it is told otherwise; then the next is ended all the same. */
const CLOSE_WITHIN_MS = 1_500;

/** What must be ended when the process ends, in the opposite order of its start. Owned by whoever starts the parts. */
export class Closers {
  private readonly parts: { name: string; close: () => unknown; withinMs: number }[] = [];
  private closing: Promise<void> | undefined;

  constructor(private readonly log: Log) {}

  add(name: string, close: () => unknown, withinMs = CLOSE_WITHIN_MS): void {
    this.parts.push({ name, close, withinMs });
  }

  /** Ends every part once, however often it is called. An error of one part does not keep the others. */
  closeAll(): Promise<void> {
    this.closing ??= this.run();
    return this.closing;
  }

  private async run(): Promise<void> {
    for (const { name, close, withinMs } of this.parts.reverse()) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not ended within ${withinMs} ms`)), withinMs);
      });
      try {
        await Promise.race([Promise.resolve().then(close), late]);
      } catch (error) {
        this.log.warn({ part: name, error: String(error) }, 'a part did not end cleanly');
      } finally {
        clearTimeout(timer);
      }
    }
  }
}
