import { compileFilter } from './filters.js';
import type { Filter } from './filters.js';
import type { CommittedEvent } from './log-writer.js';
import { framesOf, PAGE_EVENTS, refuseBetweenEvents, SCAN_EVENTS } from './read.js';
import type { LogReader } from './read.js';
import type { ReadRequest } from './requests.js';
import { encodeCheckpoint } from './responses.js';
import type { Cursor } from './subscription.js';

/** A subscription to `$all`: everything behind a position, or what a filter lets through, with checkpoints. */
export class AllCursor implements Cursor {
  readonly isCaughtUp = true;
  readonly end = undefined;
  /** The position of the last event that was considered. */
  private position: number;
  private considered = 0;
  private readonly filter: Filter | undefined;
  private readonly resolveLinks: boolean;

  constructor(
    private readonly log: LogReader,
    request: ReadRequest,
  ) {
    refuseBetweenEvents(log.storage, request);
    this.filter = request.filter && compileFilter(request.filter);
    this.resolveLinks = request.resolveLinks;
    // From beyond the head everything that comes next is delivered, as by the real server.
    const from = request.from === 'start' ? 0 : request.from === 'end' ? Infinity : request.from;
    this.position = Math.min(from, log.storage.head);
  }

  nextPage(): readonly Buffer[] | undefined {
    return this.filter ? this.filteredPage(this.filter) : this.plainPage();
  }

  accept(event: CommittedEvent): readonly Buffer[] {
    this.position = event.position;
    if (!this.filter) return framesOf(this.log, [event], this.resolveLinks);
    const matches = this.filter.matches(this.filter.on === 'stream' ? event.stream : event.type);
    const frames = matches ? framesOf(this.log, [event], this.resolveLinks) : [];
    return this.isCheckpointDue(this.filter) ? [...frames, encodeCheckpoint(event.position)] : frames;
  }

  private plainPage(): readonly Buffer[] | undefined {
    const events = this.log.storage.readAll(this.position + 1, PAGE_EVENTS, false);
    const newest = events.at(-1);
    if (!newest) return undefined;
    this.position = newest.position;
    return framesOf(this.log, events, this.resolveLinks);
  }

  private filteredPage(filter: Filter): readonly Buffer[] | undefined {
    const { storage } = this.log;
    const { positions, names } = storage.scan(this.position + 1, SCAN_EVENTS, false, filter.on);
    if (positions.length === 0) return undefined;
    const matching = positions.filter((_, index) => filter.matches(names[index]!)).slice(0, PAGE_EVENTS);
    const events = matching.length > 0 ? storage.readPositions(matching, false) : [];
    const last =
      events.length < matching.length || matching.length === PAGE_EVENTS ? events.at(-1)!.position : Infinity;
    const frames: Buffer[] = [];
    let next = 0;
    for (const position of positions) {
      if (position > last) break;
      this.position = position;
      const event = events[next];
      if (event?.position === position) {
        frames.push(...framesOf(this.log, [event], this.resolveLinks));
        next++;
      }
      if (this.isCheckpointDue(filter)) frames.push(encodeCheckpoint(position));
    }
    return frames;
  }

  private isCheckpointDue({ checkpointEvery }: Filter): boolean {
    this.considered++;
    return this.considered % checkpointEvery === 0;
  }
}
