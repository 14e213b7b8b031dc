import { pino } from 'pino';

/** Structured log, one JSON line each. Secrets never reach it: callers pass ids and codes, never headers, bodies or URLs. */
export type Log = Pick<ReturnType<typeof pino>, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>;

/** Injection token of the process's log. */
export const LOG = Symbol('log');

/** Writes to standard error, so that standard output is for the person who started the program. */
export function createLog(level: 'fatal' | 'error' | 'warn' | 'info' | 'debug'): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
