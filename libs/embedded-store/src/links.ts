import { decodeEventFrame, encodeResolvedFrame } from './event-frame.js';
import type { EventStorage } from './storage.js';
import { firstVisibleRevision, readVisible } from './streams.js';
import type { Streams } from './streams.js';

/** The data of a link: `<revision>@<stream>`. */
const LINK_TEXT = /^(\d{1,15})@(.+)$/s;

/** The frame to send for a link: with the event that it points to, or without when that is gone, hidden or deleted. */
export function resolveLink(
  storage: EventStorage,
  streams: Streams,
  link: { readonly position: number; readonly frame: Buffer },
  nowMs: number,
): Buffer {
  const target = LINK_TEXT.exec(decodeEventFrame(link.frame).data.toString('utf8'));
  if (!target) return encodeResolvedFrame(link.frame, link.position, undefined);
  const revision = Number(target[1]);
  const state = streams.get(target[2]!);
  if (streams.isTombstonedForReaders(state) || revision < firstVisibleRevision(state)) {
    return encodeResolvedFrame(link.frame, link.position, undefined);
  }
  const [event] = readVisible(storage, state, { from: revision, limit: 1, backwards: false, nowMs });
  return encodeResolvedFrame(
    link.frame,
    link.position,
    event?.revision === revision ? event.frame : undefined,
  );
}
