import { v5 as uuidv5 } from 'uuid';
import { DIGEST_NAMED_MAX, digestAlerts, digests, isDigestDue } from '#libs/alerts';
import type { EventLog } from '#libs/event-store';
import {
  heldAlerts,
  namedAlerts,
  readConfiguration,
  type HeldAlerts,
  type ReadModels,
} from '#libs/read-models';

/** Name space of the command ids of this job: a repeated job is the same command. */
const COMMANDS = 'b7a8a3f0-4e0d-4f63-9c5e-2f0a6f3f7b1c';

/** Makes one message of the alerts that nobody was told of, when it is time. Its delivery follows from the fact. */
export class DigestAlerts {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    /** In ms since the epoch. */
    private readonly clock: () => number = Date.now,
  ) {}

  async reconcile(): Promise<void> {
    const { database } = this.readModels;
    const time = this.clock();
    for (const held of heldAlerts(database)) {
      const { configuration } = readConfiguration(database, held.registry);
      const since = { oldest: Date.parse(held.oldestAt), isGrave: held.isGrave };
      if (isDigestDue(configuration, since, time)) await this.digest(held, time);
    }
  }

  /** Named after its oldest alert: tables that are behind, or a second worker, make no other one. */
  private async digest(held: HeldAlerts, time: number): Promise<void> {
    const { registry, total, first, until } = held;
    const alerts = namedAlerts(this.readModels.database, held, DIGEST_NAMED_MAX);
    const data = { at: new Date(time).toISOString(), registry, alerts, total, until: `${until}` };
    const id = `${registry}.${first}`;
    await this.log.create(digests, id, digestAlerts(data), {
      commandId: uuidv5(id, COMMANDS),
      actor: { type: 'system', id: 'digest-alerts' },
      correlationId: `digest-alerts.${id}`,
    });
  }
}
