import { eachItem } from '#libs/client';
import { printResult } from '../output.js';
import type { RemoteOptions } from './connection.js';
import { hint, printRows, type Column } from './screen.js';

export interface ListOptions extends RemoteOptions {
  readonly limit: number;
  readonly after?: string;
  readonly all?: boolean;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

type ReadPage<Item> = (place: { limit: number; after?: string }) => Promise<{ readonly data: Page<Item> }>;

/** The page that was asked for, or all of the list as one page. */
async function pageOf<Item>({ limit, after, all }: ListOptions, read: ReadPage<Item>): Promise<Page<Item>> {
  if (!all) return (await read({ limit, ...(after !== undefined && { after }) })).data;
  const items: Item[] = [];
  const from = after === undefined ? {} : { after };
  for await (const item of eachItem((place) => read({ limit: 200, ...from, ...place }))) items.push(item);
  return { items, next: null };
}

/** Reads a list and prints it. `what`: the things in it, such as `keys`. */
export async function printList<Item>(
  options: ListOptions,
  what: string,
  columns: readonly Column<Item>[],
  read: ReadPage<Item>,
): Promise<void> {
  const page = await pageOf(options, read);
  if (options.json) printResult(options, page, []);
  else if (page.items.length > 0) printRows(columns, page.items);
  else hint(options, `No ${what}.`);
  if (page.next !== null) hint(options, `There are more: --after ${page.next}, or --all.`);
}
