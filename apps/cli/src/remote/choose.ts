import { eachItem, type paths } from '#libs/client';
import { isKeyId } from '#libs/kernel';
import { CommandFailure, EXIT, UnusableInput } from '../cli-error.js';
import type { Connection, RemoteOptions } from './connection.js';
import { shown } from './screen.js';

const KEYS = '/v1/registries/{registry}/keys';

export type Key = paths[typeof KEYS]['get']['responses'][200]['content']['application/json']['items'][number];

export interface RegistryOptions extends RemoteOptions {
  readonly registry?: string;
}

/** Slug or id of the registry that `--registry`, DOCKREG_REGISTRY or, where there is one only, the list names. */
export async function chooseRegistry({ api }: Connection, { registry }: RegistryOptions): Promise<string> {
  const named = registry ?? process.env['DOCKREG_REGISTRY'] ?? '';
  if (named !== '') return named;
  const { data } = await api.GET('/v1/registries', { params: { query: { limit: 10 } } });
  if (data.items.length === 1) return data.items[0]!.slug;
  const slugs = data.items.map(({ slug }) => slug).join(', ');
  throw new UnusableInput(
    data.items.length === 0
      ? 'You see no registry.'
      : `Which registry? Name it with --registry, or DOCKREG_REGISTRY: ${slugs}${data.next === null ? '' : ' …'}`,
  );
}

/** The key of this id; or of this name, where only one key that still works has it. */
export async function chooseKey({ api }: Connection, registry: string, idOrName: string): Promise<Key> {
  if (isKeyId(idOrName)) {
    const { data } = await api.GET(`${KEYS}/{key}`, { params: { path: { registry, key: idOrName } } });
    return data;
  }
  const named: Key[] = [];
  const read = (after: { after?: string }) =>
    api.GET(KEYS, { params: { path: { registry }, query: { q: idOrName, limit: 200, ...after } } });
  for await (const key of eachItem(read)) if (key.name === idOrName) named.push(key);
  const living = named.filter(({ status }) => status !== 'revoked' && status !== 'expired');
  const [only, ...others] = living.length > 0 ? living : named;
  if (only && others.length === 0) return only;
  if (!only) {
    throw new CommandFailure('there is no key of this name', EXIT.notFound, [
      'See what there is: dockreg keys list.',
    ]);
  }
  const ids = [only, ...others].slice(0, 10).map(({ id, createdAt }) => `${id}  generated ${createdAt}`);
  throw new CommandFailure(`${others.length + 1} keys have the name ${shown(idOrName)}`, EXIT.usage, [
    'Name one by its id:',
    ...ids,
  ]);
}
