import type { ReplayProgress } from './replay.js';

/** Where progress is shown: standard error of a terminal, or a log. */
export interface ProgressOutput {
  readonly isTerminal: boolean;
  /** Raw text for a terminal. */
  readonly write: (text: string) => void;
  /** One line for a log. */
  readonly line: (text: string) => void;
}

/** A replay that is over by then is not worth a word. */
const SILENT_FOR_MS = 1_000;
const TERMINAL_EVERY_MS = 100;
const LINE_EVERY_MS = 5_000;
const BAR_CHARACTERS = 24;

/** Shows how far long work on the log has come: on a terminal one line that is written over, else a line now and then. */
export class ReplayDisplay {
  private shownAt: number;
  private isOpen = false;

  constructor(
    private readonly what: string,
    private readonly output: ProgressOutput,
  ) {
    this.shownAt = performance.now() + SILENT_FOR_MS - this.everyMs;
  }

  readonly show = (progress: ReplayProgress): void => {
    const now = performance.now();
    if (now - this.shownAt < this.everyMs) return;
    this.shownAt = now;
    if (!this.output.isTerminal) return this.output.line(`${this.what}: ${describe(progress)}`);
    this.isOpen = true;
    this.output.write(`\r\u001b[K${this.what} ${bar(progress)} ${describe(progress)}`);
  };

  /** Call when the work is over, however it ended: takes the line off the terminal. */
  end(): void {
    if (this.isOpen) this.output.write('\r\u001b[K');
    this.isOpen = false;
  }

  private get everyMs(): number {
    return this.output.isTerminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS;
  }
}

/** 0 to 1, by position; undefined when the end is not known. Events that are written meanwhile may lie beyond the head. */
function share({ position, head }: ReplayProgress): number | undefined {
  return head === undefined || head <= 0n ? undefined : Math.min(1, Number(position) / Number(head));
}

function bar(progress: ReplayProgress): string {
  const full = Math.round((share(progress) ?? 0) * BAR_CHARACTERS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CHARACTERS - full)}]`;
}

function describe(progress: ReplayProgress): string {
  const done = share(progress);
  const percent = done === undefined ? [] : [`${Math.floor(done * 100)} %`];
  const count = (value: number): string => value.toLocaleString('en');
  const { events, eventsPerSecond, position, head } = progress;
  const place = `position ${position}${head === undefined ? '' : ` of ${head}`}`;
  return [...percent, `${count(events)} events`, `${count(eventsPerSecond)} events/s`, place].join(', ');
}
