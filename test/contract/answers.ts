import { createHash } from 'node:crypto';
import type { ClientEvent, ClientResolvedEvent, Position } from './client.js';
import type { Json, JsonObject, Names } from './scenario.js';

/** Answers of a client in the form in which they are recorded. Positions stay raw: they are named at the end. */

/** A position in an answer; `namePositions` replaces it by its name. */
export class RawPosition {
  constructor(
    readonly commit: bigint,
    readonly prepare: bigint,
  ) {}
}

export type Answer = null | boolean | number | string | RawPosition | Answer[] | { [key: string]: Answer };
export type AnswerObject = { [key: string]: Answer };

const HOUR_MS = 3_600_000;
const SHOWN_BYTES_MAX = 200;

export function shownPosition(position: Position | undefined): Answer {
  return position ? new RawPosition(position.commit, position.prepare) : 'none';
}

function shortHash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}

function shownBytes(bytes: Uint8Array): JsonObject {
  if (bytes.length > SHOWN_BYTES_MAX) return { len: bytes.length, sha: shortHash(bytes) };
  const text = Buffer.from(bytes).toString('latin1');
  return bytes.length > 0 && /^[\x20-\x7e]+$/.test(text)
    ? { text }
    : { b64: Buffer.from(bytes).toString('base64') };
}

function shownJson(value: unknown): Json {
  const text = JSON.stringify(value);
  return text.length > SHOWN_BYTES_MAX ? { len: text.length, sha: shortHash(text) } : (value as Json);
}

function shownContent(value: unknown): Json {
  return value instanceof Uint8Array ? shownBytes(value) : shownJson(value);
}

function shownEvent(names: Names, event: ClientEvent): AnswerObject {
  const age = Math.abs(Date.now() - event.created.getTime());
  return {
    stream: event.streamId,
    rev: String(event.revision),
    id: names.shownId(event.id),
    type: event.type,
    ...(event.isJson ? {} : { json: false }),
    data: shownContent(event.data),
    ...(event.metadata === undefined ? {} : { meta: shownContent(event.metadata) }),
    ...(age < HOUR_MS ? {} : { created: 'BAD' }),
    pos: shownPosition(event.position),
  };
}

export function shownResolvedEvent(names: Names, resolved: ClientResolvedEvent): AnswerObject {
  const own = (resolved.link ?? resolved.event)?.position?.commit;
  const differs = resolved.commitPosition !== undefined && resolved.commitPosition !== own;
  const shown = resolved.link
    ? {
        event: resolved.event ? shownEvent(names, resolved.event) : null,
        link: shownEvent(names, resolved.link),
      }
    : shownEvent(names, resolved.event!);
  return differs ? { ...shown, commitPosition: 'differs' } : shown;
}

/** What was thrown, with the fields that an application reads. */
export function shownError(error: unknown): AnswerObject {
  const e = error as Record<string, unknown>;
  const name = (error as Error).constructor.name;
  const expected = e['expectedState'] ?? e['expectedVersion'];
  const actual = e['actualState'] ?? e['actualVersion'];
  return {
    name,
    ...(typeof e['type'] === 'string' ? { type: e['type'] } : {}),
    ...(typeof e['code'] === 'number' ? { code: e['code'] } : {}),
    ...(typeof e['streamName'] === 'string' ? { stream: e['streamName'] } : {}),
    ...(expected === undefined ? {} : { expected: String(expected) }),
    ...(actual === undefined ? {} : { actual: String(actual) }),
    ...(typeof e['maxAppendSize'] === 'number' ? { max: e['maxAppendSize'] } : {}),
    ...(name === 'Error' || name === 'TypeError' ? { message: String(e['message']) } : {}),
  };
}

/** `summary`: counts, ends and a hash instead of the events. */
export function summarize(
  names: Names,
  events: readonly ClientResolvedEvent[],
  backwards: boolean,
): AnswerObject {
  const own = events.map((event) => (event.link ?? event.event)!);
  if (own.length === 0) return { count: 0, ...orderOf(own, backwards) };
  return {
    count: own.length,
    first: String(own[0]!.revision),
    last: String(own.at(-1)!.revision),
    ids: shortHash(own.map((event) => names.shownId(event.id)).join(',')),
    ...orderOf(own, backwards),
  };
}

/** `runs`: the sequence of one field cut in runs of equal value. */
export function countRuns(
  events: readonly ClientResolvedEvent[],
  field: string,
  backwards: boolean,
): AnswerObject {
  const own = events.map((event) => (event.link ?? event.event)!);
  const lengths: number[] = [];
  let previous: string | undefined;
  for (const event of own) {
    const value = field === 'type' ? event.type : event.streamId;
    if (value === previous) lengths.push(lengths.pop()! + 1);
    else lengths.push(1);
    previous = value;
  }
  const distinct = [...new Set(lengths)].sort((a, b) => a - b);
  return { count: own.length, runs: lengths.length, lengths: distinct, ...orderOf(own, backwards) };
}

function orderOf(
  events: readonly ClientEvent[],
  backwards: boolean,
): { contiguous: boolean; positionsMonotonic: boolean } {
  const step = backwards ? -1n : 1n;
  const revisions = new Map<string, bigint>();
  let contiguous = true;
  let positionsMonotonic = true;
  let previous: bigint | undefined;
  for (const event of events) {
    const before = revisions.get(event.streamId);
    if (before !== undefined && event.revision !== before + step) contiguous = false;
    revisions.set(event.streamId, event.revision);
    const commit = event.position?.commit ?? -1n;
    if (previous !== undefined && (backwards ? commit >= previous : commit <= previous))
      positionsMonotonic = false;
    previous = commit;
  }
  return { contiguous, positionsMonotonic };
}
