import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore } from '#libs/embedded-store';
import { EventLog } from '#libs/event-store';
import { isSealed, SubjectKeys, type MasterKey, type Sealed } from '#libs/personal-data';
import { now } from '#libs/platform';

export const testContext = () => ({
  commandId: crypto.randomUUID(),
  actor: { type: 'system', id: 'test' } as const,
  correlationId: 'test',
});

/** Opens a folder of events that nobody uses, as a log. */
export async function withEvents<Result>(
  folder: string,
  work: (log: EventLog) => Promise<Result>,
): Promise<Result> {
  const store = await startEmbeddedStore({ directory: folder });
  const log = new EventLog(store.connectionString, catalogue);
  try {
    return await work(log);
  } finally {
    await log.close();
    await store.close();
  }
}

/**
 * Each piece of personal data that the events of users in a folder hold, opened with a master key: its text, `erased`, or
 * the name of the error.
 */
export function openAll(folder: string, masterKey: MasterKey): Promise<string[]> {
  return withEvents(folder, async (log) => {
    const keys = new SubjectKeys(log, masterKey, now);
    const found: string[] = [];
    for (const { data } of await log.readAllAfter(undefined, ['user'])) {
      for (const sealed of Object.values(data).filter(isSealed)) {
        found.push(await textOf(keys, sealed));
      }
    }
    return found;
  });
}

async function textOf(keys: SubjectKeys, sealed: Sealed): Promise<string> {
  try {
    return (await keys.open(sealed)) ?? 'erased';
  } catch (error) {
    return (error as Error).name;
  }
}
