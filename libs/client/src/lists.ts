/** One page of a list of the API. */
interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/**
 * All items of a list, page by page as they are asked for. `page` gets the page that begins after a cursor; the first one
 * has no cursor:
 *
 *     for await (const key of eachItem((after) => api.GET('/v1/registries/{registry}/keys', { params: { path, query: after } })))
 */
export async function* eachItem<Item>(
  page: (after: { after?: string }) => Promise<{ readonly data: Page<Item> }>,
): AsyncGenerator<Item, void, undefined> {
  for (let after: { after?: string } | undefined = {}; after;) {
    const { data }: { readonly data: Page<Item> } = await page(after);
    yield* data.items;
    after = data.next === null ? undefined : { after: data.next };
  }
}
