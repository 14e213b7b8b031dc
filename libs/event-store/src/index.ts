export { Catalogue, LaterRelease } from './catalogue.js';
export { isDeletedStream, RevisionConflict, EventStoreUnavailable } from './errors.js';
export type { CommandContext } from './command-context.js';
export { EventLog } from './event-log.js';
export type { Appended } from './connection.js';
export type { EventLogHealth, PartHealth } from './health.js';
export { installation, readLogId, restartLog, startLog } from './installation-log.js';
export { publishConnection, readPublishedConnection } from './published-connection.js';
export {
  placeHolder,
  RawEvents,
  readHead,
  TOMBSTONE_REVISION,
  type NewRawEvent,
  type RawEvent,
} from './raw-events.js';
export type { Subscription, SubscriptionHandler } from './subscription.js';
export { newestRevision, type PlacedFact, type StreamRead, type Transacted } from './stream-read.js';
