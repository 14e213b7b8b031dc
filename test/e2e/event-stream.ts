import { requireDocumented } from '../support/documented-answer.js';

/** One event of a stream as a browser sees it. */
export interface StreamedEvent<Data> {
  readonly id: string;
  readonly data: Data;
}

/** A client of server-sent events, over `fetch`. `close` it. */
export class EventStream<Data> {
  /** What a browser would send as `Last-Event-ID`. */
  lastEventId = '';
  private text = '';
  private readonly chunks: AsyncIterator<Uint8Array>;

  private constructor(
    readonly response: Response,
    private readonly controller: AbortController,
  ) {
    this.chunks = response.body![Symbol.asyncIterator]();
  }

  static async open<Data>(url: string, headers: Record<string, string>): Promise<EventStream<Data>> {
    const controller = new AbortController();
    const response = await fetch(url, { headers, signal: controller.signal });
    const { pathname, search } = new URL(url);
    const answer = { status: response.status, headers: Object.fromEntries(response.headers), text: '' };
    if (response.status === 200) requireDocumented({ method: 'GET', path: pathname + search }, answer);
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    return new EventStream<Data>(response, controller);
  }

  /** The next event; undefined at a clean end of the stream. Throws when the connection breaks. */
  async next(): Promise<StreamedEvent<Data> | undefined> {
    for (;;) {
      const block = await this.block();
      if (block === undefined) return undefined;
      const fields = block.split('\n').map((line) => /^([a-z]*): ?(.*)$/.exec(line)!);
      const field = (name: string) => fields.find(([, found]) => found === name)?.[2];
      this.lastEventId = field('id') ?? this.lastEventId;
      const data = field('data');
      if (data !== undefined) return { id: this.lastEventId, data: JSON.parse(data) as Data };
    }
  }

  /** All events up to the one that `isLast` says; fewer when the stream ends before. */
  async until(isLast: (data: Data) => boolean): Promise<Data[]> {
    const events: Data[] = [];
    for (;;) {
      const event = await this.next();
      if (event) events.push(event.data);
      if (!event || isLast(event.data)) return events;
    }
  }

  close(): void {
    this.controller.abort();
  }

  private async block(): Promise<string | undefined> {
    for (;;) {
      const end = this.text.indexOf('\n\n');
      if (end >= 0) {
        const block = this.text.slice(0, end);
        this.text = this.text.slice(end + 2);
        return block;
      }
      const { done, value } = await this.chunks.next();
      if (done === true) return undefined;
      this.text += Buffer.from(value).toString();
    }
  }
}
