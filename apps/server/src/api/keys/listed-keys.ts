import { Injectable } from '@nestjs/common';
import { Settings } from '#libs/platform';
import { listKeys, ReadModels, usageWholeFrom, type KeyQuery, type KeyRow } from '#libs/read-models';
import { Problem, type FieldProblem } from '../http/problems.js';

const MINUTE_MS = 60_000;

/**
 * The keys that a query chooses. Who asks for those not used since a moment may revoke them: where uses since then may have been
 * let go the answer is a refusal, as a key that looks unused may have been used.
 */
@Injectable()
export class ListedKeys {
  constructor(
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
  ) {}

  /** Throws Problem. `unusedSince`: how the request names that field. */
  rows(query: KeyQuery, unusedSince: Pick<FieldProblem, 'parameter' | 'pointer'>): KeyRow[] {
    const rows = listKeys(this.readModels.database, query);
    // Where no key is that old there is none whose uses could be gone.
    if (query.unusedSince !== undefined && rows.length > 0)
      this.requireKept(Date.parse(query.unusedSince), unusedSince);
    return rows;
  }

  private requireKept(since: number, field: Pick<FieldProblem, 'parameter' | 'pointer'>): void {
    const from = usageWholeFrom(this.settings.usageKeptDays, Date.now()) * MINUTE_MS;
    if (since >= from) return;
    const detail = `Uses are kept since ${new Date(from).toISOString()}: ask for that moment or a later one.`;
    throw new Problem('usage-not-kept', detail, { errors: [{ ...field, code: 'usage-not-kept', detail }] });
  }
}
