import { Injectable } from '@nestjs/common';
import { Settings } from '#libs/platform';
import { ReadModels, registryOfUpstream } from '#libs/read-models';
import { upstreamOrigin, upstreamProblem } from '#libs/registries';
import { invalidField, Problem } from '../http/problems.js';

/** What may stand behind the gate for one registry alone. */
@Injectable()
export class OwnUpstream {
  constructor(
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
  ) {}

  /**
   * The origin to store for the field `upstream`. Throws a Problem when it is none, or when others would share it: there is no
   * prefix that would keep them apart. Two calls at the same time may still take one; this looks at the read model alone.
   */
  check(text: string, registry?: string): string {
    const problem = upstreamProblem(text);
    if (problem) throw invalidField('/upstream', problem);
    const origin = upstreamOrigin(text);
    const { registryUpstream: shared } = this.settings;
    if (shared instanceof URL && shared.origin === origin) {
      throw new Problem(
        'upstream-taken',
        'This is the registry that all share: leave upstream out, or null.',
      );
    }
    const holder = registryOfUpstream(this.readModels.database, origin);
    if (holder !== undefined && holder !== registry) {
      throw new Problem('upstream-taken', 'Another registry has this upstream to itself.');
    }
    return origin;
  }
}
