import { Injectable } from '@nestjs/common';
import { Settings } from '#libs/platform';
import { listKeys, ReadModels, usesKnownFrom, type KeyQuery, type KeyRow } from '#libs/read-models';
import { Problem, type FieldProblem } from '../http/problems.js';

const MINUTE_MS = 60_000;

/**
 * The keys that a query chooses. Who asks for those not used since a moment may revoke them: where not every use since then is
 * known the answer is a refusal, as a key that looks unused may have been used.
 */
@Injectable()
export class ListedKeys {
  constructor(
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
  ) {}

  /** Throws Problem. `unusedSince`: how the request names that field. */
  rows(query: KeyQuery, unusedSince: Pick<FieldProblem, 'parameter' | 'pointer'>): KeyRow[] {
    if (query.unusedSince !== undefined) this.requireKnown(Date.parse(query.unusedSince), unusedSince);
    return listKeys(this.readModels.database, query);
  }

  private requireKnown(since: number, field: Pick<FieldProblem, 'parameter' | 'pointer'>): void {
    const minute = usesKnownFrom(this.readModels.database, this.settings.usageKeptDays, Date.now());
    if (minute !== undefined && since >= minute * MINUTE_MS) return;
    const detail =
      minute === undefined
        ? 'No use of any key was counted yet, so none can be said to be unused.'
        : `Not every use before ${new Date(minute * MINUTE_MS).toISOString()} is known: ask for that moment or a later one.`;
    throw new Problem('usage-not-kept', detail, { errors: [{ ...field, code: 'usage-not-kept', detail }] });
  }
}
