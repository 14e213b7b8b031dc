import { randomUUID } from 'node:crypto';
import { jsonEvent } from '@kurrent/kurrentdb-client';
import type { Connection, ExpectedRevision } from './connection.js';
import { isRevisionConflict, RevisionConflict } from './errors.js';
import { retry } from './retry.js';

/** Several may set it at once; each conflict means that one of them has. */
const CONFLICTS_MAX = 20;

/**
 * Sets `$maxCount` in the metadata of a stream, unless it stands there: the store hides and drops all but the newest
 * `count` events. Other metadata stays. The stream itself need not exist yet.
 */
export async function keepNewest(connection: Connection, stream: string, count: number): Promise<void> {
  const metadataStream = `$$${stream}`;
  let expected: ExpectedRevision = 'no_stream';
  let others = {};
  for (let attempt = 1; ; attempt++) {
    const event = jsonEvent({
      id: randomUUID(),
      type: '$metadata',
      data: { ...others, $maxCount: count },
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
    others = facts[0]?.data ?? {};
    if ('$maxCount' in others && others.$maxCount === count) return;
    expected = last?.revision ?? 'no_stream';
  }
}
