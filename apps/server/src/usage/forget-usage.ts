import { forgetUsage, usageKeptFrom } from '#libs/read-models';
import type { Core } from '../start-core.js';

/** Usage is kept by days, so once an hour is often enough. */
const FORGET_EVERY_MS = 3_600_000;

/**
 * Every node that has tables of usage forgets there what the log forgets (`USAGE_KEPT_DAYS`): a rebuild could not bring it
 * back. Call it once the read model has caught up.
 */
export function forgetOldUsage({ projections, readModels, settings, closers, log }: Core): void {
  if (!projections.some(({ name }) => name === 'usage')) return;
  const forget = (): void => {
    try {
      forgetUsage(readModels.database, usageKeptFrom(settings.usageKeptDays, Date.now()));
    } catch (error) {
      log.warn({ error: String(error) }, 'old usage is not forgotten yet; the next hour goes on');
    }
  };
  forget();
  const timer = setInterval(forget, FORGET_EVERY_MS).unref();
  closers.add('usage that is forgotten', () => clearInterval(timer));
}
