import { PortTaken, StoreFailed, StoreLocked, StoreUnreadable } from '#libs/embedded-store';
import { EventStoreUnavailable } from '#libs/event-store';
import { SettingsError } from '#libs/platform';
import { MasterKeyUnusable } from '#libs/personal-data';
import { BackupDamaged } from './backup-file.js';
import { CliError } from './cli-error.js';

/** Errors whose message is a sentence for whoever typed the command. */
const EXPLAINED = [
  CliError,
  MasterKeyUnusable,
  BackupDamaged,
  PortTaken,
  StoreFailed,
  StoreLocked,
  StoreUnreadable,
] as const;

/** The sentence for whoever typed the command. A stack is shown only for what nobody foresaw. */
export function explain(error: unknown): string {
  if (error instanceof SettingsError) return error.problems.join('\n         ');
  if (EXPLAINED.some((type) => error instanceof type)) return (error as Error).message;
  if (error instanceof EventStoreUnavailable) return `${error.message} (${String(error.cause)})`;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
