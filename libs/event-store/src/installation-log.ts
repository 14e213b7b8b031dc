import { describeFacts, type Fact, type StreamKind } from '#libs/kernel';
import type { CommandContext } from './command-context.js';
import type { EventLog } from './event-log.js';

/** The first event of every log, and again after every restore: its random id says which log this is. */
export type LogStarted = Fact<'LogStarted', { readonly at: string; readonly logId: string }>;

export const installation: StreamKind<{ readonly logId: string | undefined }, LogStarted> = {
  category: 'installation',
  initial: { logId: undefined },
  evolve: (state, fact) => (fact.type === 'LogStarted' ? { logId: fact.data.logId } : state),
};

export const installationFacts = describeFacts([installation], {
  LogStarted: {
    description: 'The log began: the first event of all, and the first one after every restore.',
    fields: {
      at: ['time', 'When it began.'],
      logId: ['text', 'Random; every checkpoint and every Redis key carries it.'],
    },
    example: { at: '2026-01-05T08:00:00.000Z', logId: 'q7Yx2LmN0aBcD3Ef' },
  },
});

/** The id of the log; a new log is started with `newLogId`. Several nodes may start at once: one of them wins. */
export async function startLog(
  log: EventLog,
  newLogId: string,
  at: string,
  context: CommandContext,
): Promise<string> {
  const { state } = await log.transact(
    installation,
    'log',
    ({ logId }): LogStarted[] =>
      logId === undefined ? [{ type: 'LogStarted', data: { at, logId: newLogId } }] : [],
    context,
  );
  return state.logId!;
}

/** Says that from here on this is another log, because it was restored: what was kept beside the old one is void. */
export async function restartLog(
  log: EventLog,
  newLogId: string,
  at: string,
  context: CommandContext,
): Promise<void> {
  const started = (): LogStarted[] => [{ type: 'LogStarted', data: { at, logId: newLogId } }];
  await log.transact(installation, 'log', started, context);
}

/** The id of the log; undefined when it was never started. Changes nothing. */
export async function readLogId(log: EventLog): Promise<string | undefined> {
  const { state } = await log.read(installation, 'log');
  return state.logId;
}
