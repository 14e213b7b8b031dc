import {
  jsonEvent,
  type AllStreamResolvedEvent,
  type EventData,
  type ResolvedEvent,
} from '@kurrent/kurrentdb-client';
import type { Fact, FactMetadata, RecordedFact } from '#libs/kernel';
import type { Catalogue } from './catalogue.js';

/** A fact as the client takes it. */
export function encode(id: string, fact: Fact, metadata: FactMetadata): EventData {
  return jsonEvent({
    id,
    type: fact.type,
    data: fact.data as Record<string, unknown>,
    metadata: metadata as unknown as Record<string, unknown>,
  });
}

/** Stored events as facts in their newest version. Leaves out links to deleted events, and events that are not ours (no JSON). */
export function decodeAll(
  resolved: readonly (ResolvedEvent | AllStreamResolvedEvent)[],
  catalogue: Catalogue,
): RecordedFact[] {
  return resolved.flatMap((one) => {
    const stored = decode(one);
    return stored ? [catalogue.newest(stored)] : [];
  });
}

function decode(resolved: ResolvedEvent | AllStreamResolvedEvent): RecordedFact | undefined {
  const event = resolved.event;
  if (!event || !event.isJson || !event.position) return undefined;
  const dash = event.streamId.indexOf('-');
  if (dash < 1) return undefined;
  return {
    type: event.type,
    data: event.data as object,
    metadata: (event.metadata ?? {}) as unknown as FactMetadata,
    stream: event.streamId,
    category: event.streamId.slice(0, dash),
    id: event.streamId.slice(dash + 1),
    revision: event.revision,
    position: event.position.commit,
    eventId: event.id,
  };
}
