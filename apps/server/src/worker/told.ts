import type { RecordedFact } from '#libs/kernel';
import { isKeyId } from '#libs/kernel';
import { eventOf, messageOf, TEST_EVENT, type Message } from '#libs/notifications';
import { findKey, findRegistry, type DeliveryRow } from '#libs/read-models';
import type { Database } from '#libs/sqlite';

/** The message that tells of a fact; undefined when the registry is not there any more. */
export function messageAbout(
  database: Database,
  { registry: registryId, target }: DeliveryRow,
  fact: RecordedFact,
): Message | undefined {
  const registry = findRegistry(database, registryId);
  if (!registry) return undefined;
  const data = fact.data as Record<string, unknown> & { at: string };
  const id = fact.category === 'key' ? fact.id : data['key'];
  const key = typeof id === 'string' && isKeyId(id) ? findKey(database, registryId, id) : undefined;
  return messageOf({
    event: eventOf(fact.type) ?? TEST_EVENT,
    at: data.at,
    data,
    registry,
    key,
    channel: target,
  });
}
