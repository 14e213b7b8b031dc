import type { Api } from './api.js';
import { EventStream } from './event-stream.js';

export interface Change {
  readonly type: string;
  readonly registry: string | null;
  readonly subject: string;
  readonly actor: { readonly type: string; readonly id: string };
  readonly data: Readonly<Record<string, unknown>>;
  readonly position: string;
}

export interface ChangePage {
  readonly items: readonly Change[];
  readonly next: string;
}

/** As the docs have it: feeds of one user at a node. */
export const FEEDS_MAX = 16;

/** One call of the feed that must succeed. */
export function poll(api: Api, query: string): Promise<ChangePage> {
  return api.get(`/v1/changes?${query}`);
}

/** Where the feed ends now. */
export async function head(api: Api): Promise<string> {
  return (await poll(api, 'wait=0')).next;
}

/** All that the feed shows after a position, page by page. */
export async function everything(api: Api, after: string, more = ''): Promise<Change[]> {
  const items: Change[] = [];
  for (let next = after; ;) {
    const page = await poll(api, `after=${next}&wait=0&limit=200${more}`);
    if (page.items.length === 0 && page.next === next) return items;
    items.push(...page.items);
    ({ next } = page);
  }
}

/** The feeds of a spec; `closeAll` them after each test. */
export class Streams {
  private readonly opened: EventStream<Change>[] = [];

  async open(port: number, headers: Record<string, string>, query = ''): Promise<EventStream<Change>> {
    const url = `http://127.0.0.1:${port}/v1/changes/stream${query}`;
    const stream = await EventStream.open<Change>(url, headers);
    this.opened.push(stream);
    return stream;
  }

  closeAll(): void {
    for (const stream of this.opened.splice(0)) stream.close();
  }
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
