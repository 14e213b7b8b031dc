import { EventStoreUnavailable } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { ErasedUsersUnusable } from '#libs/personal-data';
import { AuditKeyUnusable, type Settings } from '#libs/platform';
import { DirectoryLocked } from '#libs/sqlite';
import { UnusableCertificate } from './gate/certificate.js';

/** The data directory cannot be made or written. */
const DIRECTORY_CODES = new Set([
  'EACCES',
  'EEXIST',
  'EISDIR',
  'ENOENT',
  'ENOSPC',
  'ENOTDIR',
  'EPERM',
  'EROFS',
]);

/** The sentence for the operator, with the setting to change. A stack helps nobody who mistyped a port. */
export function explainStartError(error: unknown, settings: Settings): string {
  const failure: NodeJS.ErrnoException = error instanceof Error ? error : new Error(String(error));
  const { code, message } = failure;
  if (error instanceof DirectoryLocked) {
    return `another process uses the data directory ${error.directory}. End it, or set DATA_DIR to another directory.`;
  }
  if (error instanceof EventStoreUnavailable) {
    const cause = error.cause instanceof Error ? error.cause.message : String(error.cause);
    return `the event store does not answer${settings.eventStoreUrl === undefined ? '' : ' at EVENTSTORE_URL'}: ${cause}`;
  }
  if (error instanceof UnusableCertificate) return `${message}. Look at GATE_TLS_CERT and GATE_TLS_KEY.`;
  if (error instanceof ErasedUsersUnusable) return `${message} Remove it: the next start writes it anew.`;
  if (error instanceof Refusal || error instanceof AuditKeyUnusable) return message;
  if (code === 'EADDRINUSE') return portInUse(error as { address?: string; port?: number }, settings);
  if (code === 'EADDRNOTAVAIL')
    return `${message}. API_HOST and GATE_HOST must be addresses of this machine.`;
  if (code !== undefined && DIRECTORY_CODES.has(code)) {
    return `the data directory ${settings.dataDir} cannot be used (${message}). Set DATA_DIR to a directory that can be written.`;
  }
  return error instanceof Error ? (error.stack ?? message) : message;
}

function portInUse({ address, port }: { address?: string; port?: number }, settings: Settings): string {
  const setting = port === settings.gatePort ? 'GATE_PORT' : 'API_PORT';
  return `${address}:${port} is in use. Set ${setting} to another port, or to 0 for a free one.`;
}
