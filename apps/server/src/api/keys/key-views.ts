import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { missingKey, type KeyState } from '#libs/keys';
import { now, Settings } from '#libs/platform';
import { lastUses, ReadModels, type KeyRow, type LastUse, type RegistryRow } from '#libs/read-models';
import { GateAddress } from '../../gate-address.js';
import { LiveLastUses } from '../../usage/live-last-uses.js';
import { showVersion } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { dockerHost, keyFacts, keyView, type KeyView } from './key-view.js';

/** A key as a command left it: `version` is that of its ETag, `position` that of the newest fact that the answer stands on. */
export interface WrittenKey {
  readonly state: KeyState;
  readonly version: bigint;
  readonly position: bigint;
}

/** Shows keys with the host under which this installation's gate is reached. */
@Injectable()
export class KeyViews {
  constructor(
    private readonly settings: Settings,
    private readonly gate: GateAddress,
    private readonly readModels: ReadModels,
    private readonly live: LiveLastUses,
  ) {}

  /** `at`: the moment by whose clock it has expired or not (RFC 3339). */
  ofRow(row: KeyRow, registry: RegistryRow, at = now()): KeyView {
    return keyView(row, registry, this.dockerHost(registry), at);
  }

  ofState(id: string, state: KeyState, registry: RegistryRow): KeyView {
    if (state.status === 'none') throw missingKey();
    const last = lastUses(this.readModels.database, [id]).get(id);
    return keyView(keyFacts(id, state), registry, this.dockerHost(registry), now(), last);
  }

  /** Answers 200 with what was written. */
  ofWritten(reply: FastifyReply, registry: RegistryRow, id: string, written: WrittenKey): KeyView {
    answerWritten(reply, 200, written.position);
    showVersion(reply, written.version);
    return this.ofState(id, written.state, registry);
  }

  /** The views with the last use of each key: what the log knows, or what a gate has said since. */
  async withLastUses(registry: RegistryRow, views: readonly KeyView[]): Promise<KeyView[]> {
    const ids = views.map(({ id }) => id);
    const [known, live] = [lastUses(this.readModels.database, ids), await this.live.of(registry.id, ids)];
    return views.map((view) => ({ ...view, lastUsed: later(known.get(view.id), live.get(view.id)) ?? null }));
  }

  private dockerHost(registry: RegistryRow): string {
    return dockerHost(registry, this.settings.registryDomain, this.gate.port);
  }
}

function later(one: LastUse | undefined, other: LastUse | undefined): LastUse | undefined {
  if (!one || !other) return one ?? other;
  return one.at > other.at ? one : other;
}
