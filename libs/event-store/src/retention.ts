import { randomUUID } from 'node:crypto';
import { jsonEvent } from '@kurrent/kurrentdb-client';
import type { Connection, ExpectedRevision } from './connection.js';
import { isRevisionConflict, RevisionConflict } from './errors.js';
import { retry } from './retry.js';

/** Several may set it at once; each conflict means that one of them has. */
const CONFLICTS_MAX = 20;

/** The store hides and drops all but the newest so many events, or those older than so many seconds. */
export type Retention = { readonly $maxCount: number } | { readonly $maxAge: number };

/** Sets it in the metadata of a stream, unless it stands there. Other metadata stays. The stream itself need not exist yet. */
export async function retain(connection: Connection, stream: string, retention: Retention): Promise<void> {
  const [[name, value]] = Object.entries(retention) as [[string, number]];
  const metadataStream = `$$${stream}`;
  let expected: ExpectedRevision = 'no_stream';
  let others: Readonly<Record<string, unknown>> = {};
  for (let attempt = 1; ; attempt++) {
    const event = jsonEvent({
      id: randomUUID(),
      type: '$metadata',
      data: { ...others, ...retention },
    });
    const at = expected;
    try {
      await retry(`append to ${metadataStream}`, () => connection.append(metadataStream, [event], at));
      return;
    } catch (error) {
      if (!isRevisionConflict(error)) throw error;
      if (attempt === CONFLICTS_MAX) throw new RevisionConflict(metadataStream);
    }
    const { facts, last } = await retry(`read ${metadataStream}`, () =>
      connection.reads.stream(metadataStream, 0n, 1),
    );
    others = (facts[0]?.data ?? {}) as typeof others;
    if (others[name] === value) return;
    expected = last?.revision ?? 'no_stream';
  }
}
