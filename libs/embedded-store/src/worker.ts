import { parentPort, workerData } from 'node:worker_threads';
import { EventStoreServer } from './http2-server.js';
import { SqliteStorage } from './sqlite-storage.js';
import { StreamsService } from './streams-service.js';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.js';

/** The thread that owns an embedded store: its file, its lock and its port. It ends by itself after `close`. */

const port = parentPort;
if (!port) throw new Error('worker.js runs as a worker thread only');

const tell = (message: FromWorker) => port.postMessage(message);
const clock = () => Date.now();

async function run(options: WorkerOptions): Promise<void> {
  const storage = new SqliteStorage(options.directory);
  const streams = new StreamsService(storage, clock, (error) =>
    tell({ kind: 'write-failed', message: error.message, full: error.full }),
  );
  const server = new EventStoreServer(streams, options.token, clock);
  await server.listen(options.port);
  port!.once('message', (message: ToWorker) => {
    if (message.kind !== 'close') return;
    void server.close().then(() => {
      storage.close();
      port!.close();
    });
  });
  tell({ kind: 'listening', port: server.port });
}

run(workerData as WorkerOptions).catch((error: unknown) => {
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  tell({ kind: 'refused', name: name ?? 'Error', code, message: message ?? String(error) });
  port.close();
});
