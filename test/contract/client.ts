import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

/**
 * The part of the official client that the scenarios use, as both packages have it. They name the expected revision
 * differently, which is evened out here. Never load both in one process: their generated classes share a global.
 */

export interface Position {
  readonly commit: bigint;
  readonly prepare: bigint;
}

export interface ClientEvent {
  readonly streamId: string;
  readonly id: string;
  readonly revision: bigint;
  readonly type: string;
  readonly data: unknown;
  readonly metadata?: unknown;
  readonly isJson: boolean;
  readonly created: Date;
  readonly position?: Position;
}

export interface ClientResolvedEvent {
  readonly event?: ClientEvent;
  readonly link?: ClientEvent;
  readonly commitPosition?: bigint;
}

export interface ClientSubscription extends EventEmitter {
  unsubscribe(): Promise<void>;
}

export interface AppendAnswer {
  readonly success: boolean;
  readonly nextExpectedRevision: bigint;
  readonly position?: Position;
}

export type Options = Record<string, unknown>;

export interface Client {
  appendToStream(stream: string, events: unknown[], options: Options): Promise<AppendAnswer>;
  readStream(stream: string, options: Options): AsyncIterable<ClientResolvedEvent>;
  readAll(options: Options): AsyncIterable<ClientResolvedEvent>;
  subscribeToStream(stream: string, options: Options): ClientSubscription;
  subscribeToAll(options: Options): ClientSubscription;
  setStreamMetadata(stream: string, metadata: object, options: Options): Promise<AppendAnswer>;
  getStreamMetadata(
    stream: string,
  ): Promise<{ streamName: string; metadata?: object; metastreamRevision?: bigint }>;
  deleteStream(stream: string, options: Options): Promise<{ position?: Position }>;
  tombstoneStream(stream: string, options: Options): Promise<{ position?: Position }>;
  dispose(): Promise<void>;
}

type FilterMaker = (options: Options) => unknown;

export interface ClientPackage {
  readonly name: string;
  /** `@eventstore/db-client` 6.2.1, whose answers stand in `expectOld` where they differ. */
  readonly isOld: boolean;
  connect(connectionString: string): Client;
  /** The option of an append that names the expected revision. */
  expecting(revision: unknown): Options;
  jsonEvent(event: object): unknown;
  binaryEvent(event: object): unknown;
  readonly streamFilter: FilterMaker;
  readonly typeFilter: FilterMaker;
}

export const CURRENT_CLIENT = '@kurrent/kurrentdb-client';
const OLD_CLIENT = '@eventstore/db-client';

interface ClientModule {
  readonly KurrentDBClient?: { connectionString(text: string): Client };
  readonly EventStoreDBClient?: { connectionString(text: string): Client };
  readonly jsonEvent: (event: object) => unknown;
  readonly binaryEvent: (event: object) => unknown;
  readonly streamNameFilter: FilterMaker;
  readonly eventTypeFilter: FilterMaker;
}

/** `place` = the package's name, or the directory that it is installed in. */
export function loadClientPackage(place: string): ClientPackage {
  const module = createRequire(import.meta.url)(place) as ClientModule;
  const isOld = place.endsWith(OLD_CLIENT);
  const Client = isOld ? module.EventStoreDBClient : module.KurrentDBClient;
  if (!Client) throw new Error(`${place} is not the client of EventStoreDB`);
  return {
    name: isOld ? OLD_CLIENT : CURRENT_CLIENT,
    isOld,
    connect: (text) => Client.connectionString(isOld ? text.replace(/^kurrentdb:/, 'esdb:') : text),
    expecting: (revision) =>
      revision === undefined ? {} : { [isOld ? 'expectedRevision' : 'streamState']: revision },
    jsonEvent: module.jsonEvent,
    binaryEvent: module.binaryEvent,
    streamFilter: module.streamNameFilter,
    typeFilter: module.eventTypeFilter,
  };
}
