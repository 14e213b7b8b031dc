import { join } from 'node:path';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore } from '#libs/embedded-store';
import { EventLog, publishConnection, RawEvents, startLog } from '#libs/event-store';
import { ReadModels, SERVER_PROJECTIONS, serverModelFile } from '#libs/read-models';
import { lockDirectory } from '#libs/sqlite';

/** What a server does with a data directory, without the server. */
export interface RunningStore {
  readonly connectionString: string;
  readonly raw: RawEvents;
  readonly models: ReadModels;
  /** As after an orderly end of the server. */
  stop(): Promise<void>;
}

/** Locks the directory, starts its store, publishes the connection, starts the log and follows it with the read models. */
export async function runStore(dataDir: string): Promise<RunningStore> {
  const unlock = lockDirectory(dataDir);
  const directory = join(dataDir, 'events');
  const store = await startEmbeddedStore({ directory });
  const unpublish = publishConnection(directory, store.connectionString);
  const log = new EventLog(store.connectionString, catalogue);
  const raw = new RawEvents(store.connectionString);
  const logId = await startLog(log, 'log0000000000001', '2026-01-01T00:00:00.000Z', {
    commandId: '00000000-0000-4000-8000-000000000001',
    actor: { type: 'system', id: 'test' },
    correlationId: 'test',
  });
  const models = await ReadModels.open({
    file: serverModelFile(dataDir),
    logId,
    log,
    projections: SERVER_PROJECTIONS,
    load: () => undefined,
    onEvents: () => undefined,
    onFailure: (error) => {
      throw error;
    },
  });
  await models.follow();
  const stop = async (): Promise<void> => {
    models.close();
    await log.close();
    await raw.close();
    unpublish();
    await store.close();
    unlock();
  };
  return { connectionString: store.connectionString, raw, models, stop };
}
