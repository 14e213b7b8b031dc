import { Injectable } from '@nestjs/common';
import { missingKey, type KeyState } from '#libs/keys';
import { now, Settings } from '#libs/platform';
import type { KeyRow, RegistryRow } from '#libs/read-models';
import { GateAddress } from '../../gate-address.js';
import { dockerHost, keyFacts, keyView, type KeyView } from './key-view.js';

/** Shows keys with the host under which this installation's gate is reached. */
@Injectable()
export class KeyViews {
  constructor(
    private readonly settings: Settings,
    private readonly gate: GateAddress,
  ) {}

  /** `at`: the moment by whose clock it has expired or not (RFC 3339). */
  ofRow(row: KeyRow, registry: RegistryRow, at = now()): KeyView {
    return keyView(row, registry, this.dockerHost(registry), at);
  }

  ofState(id: string, state: KeyState, registry: RegistryRow): KeyView {
    if (state.status === 'none') throw missingKey();
    return keyView(keyFacts(id, state), registry, this.dockerHost(registry), now());
  }

  private dockerHost(registry: RegistryRow): string {
    return dockerHost(registry, this.settings.registryDomain, this.gate.port);
  }
}
