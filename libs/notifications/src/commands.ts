import type { Told } from './messages.js';

/** Control characters would forge lines or headers, and direction marks would reorder what a reader sees. */
const UNSEEMLY = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** A name on one line. */
export function oneLine(text: string): string {
  return text.replace(UNSEEMLY, ' ').trim();
}

export function rotate(told: Told): string {
  return post(`${keyPath(told)}/rotate`, '{"gracePeriod":"PT24H"}');
}

export function onKey(told: Told, action: string): string {
  return post(`${keyPath(told)}/${action}`, '{}');
}

export function keyPath(told: Told): string {
  return `${pathOf(told)}/keys/${told.key?.id ?? '<key id>'}`;
}

/** Slugs and ids are letters, digits, `-` and `_`, so a shell takes them as they are. No name ever stands in a command. */
export function pathOf({ apiUrl = '$DOCKREG_URL', registry }: Told): string {
  return `${apiUrl}/v1/registries/${registry.slug}`;
}

const AUTHORIZATION = '-H "Authorization: Bearer $DOCKREG_TOKEN"';

export function curl(url: string): string {
  return `curl ${AUTHORIZATION} "${url}"`;
}

export function post(url: string, body: string): string {
  return `curl -X POST ${AUTHORIZATION} -H 'Content-Type: application/json' -d '${body}' "${url}"`;
}

export function text(value: unknown, words: (value: string) => string): string {
  return typeof value === 'string' ? words(oneLine(value)) : '';
}
