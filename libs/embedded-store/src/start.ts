import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { StoreLocked, StoreUnreadable } from './storage.js';
import type { FromWorker, WorkerOptions } from './worker-messages.js';

export interface EmbeddedStore {
  /** For the official client, unchanged. It holds the token of the port: a secret, not to be logged. */
  readonly connectionString: string;
  readonly port: number;
  /** Stores what was submitted, ends all calls and gives the directory back. Safe to call twice. */
  close(): Promise<void>;
  /**
   * Resolves when the store cannot go on: its thread died, or the disk failed and it is read-only until opened again.
   * A full disk alone is no such failure. Stays pending for ever after `close`.
   */
  readonly failed: Promise<Error>;
}

/** The store's thread ended, or its disk failed. */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed';
  readonly code = 'STORE_FAILED';
}

/** Another program listens on the port that was asked for. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
  readonly code = 'PORT_TAKEN';

  constructor(readonly port: number) {
    super(`127.0.0.1:${port} is in use. End the other program, or choose another port.`);
  }
}

/** 192 bits: the port can be reached by every user of the machine, and this is all that keeps them out. */
const TOKEN_BYTES = 24;
const TOKEN_LENGTH = Math.ceil((TOKEN_BYTES * 8) / 6);

export interface EmbeddedStoreOptions {
  readonly directory: string;
  /** On 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /** What every call has to present, from `newStoreToken`; as secret as the events. Default: a new one. */
  readonly token?: string;
}

/** A random token of the form that `startEmbeddedStore` takes. */
export function newStoreToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

export function isStoreToken(text: string): boolean {
  return text.length === TOKEN_LENGTH && /^[A-Za-z0-9_-]+$/.test(text);
}

/**
 * Starts an event store on this directory, created when missing, in a thread of its own. It speaks the wire protocol
 * of EventStoreDB on 127.0.0.1. Throws `StoreLocked` at once when another process (or this one) has the directory,
 * `StoreUnreadable` when its file is damaged, truncated or newer than this program, `PortTaken` when the port is in use.
 */
export async function startEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  const { directory, port: wanted = 0, token = newStoreToken() } = options;
  if (!isStoreToken(token)) throw new TypeError('the token of the event store has the wrong form');
  const workerData: WorkerOptions = { directory, port: wanted, token };
  // None of the options that this process was started with: some of them do not let a thread start from a file.
  const worker = new Worker(workerFile(), { workerData, name: 'embedded-store', execArgv: [] });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const failed = watch(worker);
  const port = await listening(worker, workerData, exited);
  let closing: Promise<void> | undefined;
  return {
    port,
    // The client sleeps for its discovery interval (500 ms by default) before its first read, also with one node.
    connectionString: `kurrentdb://127.0.0.1:${port}?tls=false&discoveryInterval=1&connectionName=${token}`,
    failed: failed.promise,
    close: () => {
      failed.ignore();
      worker.postMessage({ kind: 'close' });
      return (closing ??= exited);
    },
  };
}

/** Beside this file when it runs from `dist`; from the TypeScript sources (jest) the one that `npm run build` made. */
function workerFile(): string {
  const candidates = ['./worker.js', '../../../dist/libs/embedded-store/src/worker.js'];
  const file = candidates
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (!file) throw new Error('The worker of the embedded store is not built: run `npm run build` first.');
  return file;
}

function watch(worker: Worker): { promise: Promise<Error>; ignore: () => void } {
  let ignored = false;
  const promise = new Promise<Error>((resolve) => {
    const fail = (message: string, cause?: unknown) => {
      if (!ignored) resolve(new StoreFailed(message, { cause }));
    };
    worker.on('error', (error) => fail(`The event store's thread failed: ${error.message}`, error));
    worker.on('exit', (code) => fail(`The event store's thread ended (code ${code}).`));
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'write-failed' && !message.full) fail(message.message);
    });
  });
  return { promise, ignore: () => (ignored = true) };
}

async function listening(
  worker: Worker,
  { directory, port }: WorkerOptions,
  exited: Promise<void>,
): Promise<number> {
  const first = await new Promise<FromWorker | Error>((resolve) => {
    worker.once('message', resolve);
    worker.once('error', resolve);
    void exited.then(() => resolve(new StoreFailed("The event store's thread ended before it listened.")));
  });
  if (first instanceof Error) throw first;
  if (first.kind === 'listening') return first.port;
  await exited;
  if (first.kind !== 'refused') throw new StoreFailed(first.message);
  if (first.code === 'EADDRINUSE') throw new PortTaken(port);
  if (first.code === 'STORE_LOCKED') throw new StoreLocked(directory);
  if (first.code === 'STORE_UNREADABLE') throw new StoreUnreadable(first.message);
  throw new StoreFailed(`The event store in ${directory} cannot be opened: ${first.message}`);
}
