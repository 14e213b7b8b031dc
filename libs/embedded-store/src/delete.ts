import type { LogWriter } from './log-writer.js';
import type { StreamTarget } from './requests.js';
import { SOFT_DELETED_JSON } from './stream-metadata.js';

export type DeleteOutcome =
  | { readonly kind: 'deleted'; readonly position: number }
  | { readonly kind: 'wrong-expected-version'; readonly current: number }
  | { readonly kind: 'stream-deleted' };

/** Hides a stream until it is written again: its metadata is replaced by `$tb` = 2^63 - 1. A missing stream is refused. */
export function softDelete(log: LogWriter, target: StreamTarget): DeleteOutcome {
  const state = log.streams.get(target.stream);
  if (state.tombstoned) return { kind: 'stream-deleted' };
  if (state.last < 0 || !expectedIsMet(target, state.last))
    return { kind: 'wrong-expected-version', current: state.last };
  return { kind: 'deleted', position: log.writeMetadata(state.name, Buffer.from(SOFT_DELETED_JSON)) };
}

/** Ends a stream for ever; the name of a missing stream can be burnt too. */
export function tombstone(log: LogWriter, target: StreamTarget): DeleteOutcome {
  const state = log.streams.get(target.stream);
  if (state.tombstoned) return { kind: 'stream-deleted' };
  if (!expectedIsMet(target, state.last)) return { kind: 'wrong-expected-version', current: state.last };
  return { kind: 'deleted', position: log.writeTombstone(state) };
}

function expectedIsMet({ expected }: StreamTarget, last: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'stream_exists') return last >= 0;
  return last === (expected === 'no_stream' ? -1 : expected);
}
