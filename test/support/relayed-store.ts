import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { counterCatalogue } from './counters.js';
import { Relay } from './relay.js';
import { temporaryDirectory } from './temporary-directory.js';

/** An embedded store behind a relay, for tests of what happens when the way to the store fails. */
export class RelayedStore {
  private readonly directory = temporaryDirectory();
  private readonly logs: EventLog[] = [];
  private store!: EmbeddedStore;
  relay!: Relay;

  static async start(): Promise<RelayedStore> {
    const relayed = new RelayedStore();
    relayed.store = await startEmbeddedStore({ directory: relayed.directory.path });
    relayed.relay = await Relay.to(relayed.store.port);
    return relayed;
  }

  /** Of the relay; `parameters` such as `&keepAliveInterval=1000`. */
  connectionString(parameters = ''): string {
    return this.store.connectionString.replace(`:${this.store.port}`, `:${this.relay.port}`) + parameters;
  }

  /** A log that `close` closes. */
  log(parameters = '', catalogue = counterCatalogue): EventLog {
    const log = new EventLog(this.connectionString(parameters), catalogue);
    this.logs.push(log);
    return log;
  }

  /** A log past the relay, for what others do meanwhile; `close` closes it. */
  bypass(): EventLog {
    const log = new EventLog(this.store.connectionString, counterCatalogue);
    this.logs.push(log);
    return log;
  }

  async close(): Promise<void> {
    for (const log of this.logs) await log.close();
    await this.relay.close();
    await this.store.close();
    this.directory.remove();
  }
}
