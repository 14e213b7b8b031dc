import type { AlertRaised, AlertsDigested } from '#libs/alerts';
import type { RecordedFact } from '#libs/kernel';
import { isKeyId } from '#libs/kernel';
import { eventOf, messageOf, TEST_EVENT, type Message } from '#libs/notifications';
import { findAlert, findKey, findRegistry, type DeliveryRow } from '#libs/read-models';
import type { Database } from '#libs/sqlite';
import { alertWords, digestWords } from './alert-words.js';

/** The message that tells of a fact; undefined when the registry is not there any more. */
export function messageAbout(
  database: Database,
  { registry: registryId }: DeliveryRow,
  fact: RecordedFact,
  apiUrl: string | undefined,
): Message | undefined {
  const registry = findRegistry(database, registryId);
  if (!registry) return undefined;
  const data = { ...(fact.data as Record<string, unknown> & { at: string }), ...alertData(database, fact) };
  const id = fact.category === 'key' ? fact.id : data['key'];
  const key = typeof id === 'string' && isKeyId(id) ? findKey(database, registryId, id) : undefined;
  return messageOf({
    event: eventOf(fact.type) ?? TEST_EVENT,
    at: data.at,
    data,
    registry: { ...registry, timeZone: registry.policy.timeZone },
    key,
    apiUrl,
  });
}

/** What the words about alerts are made of. The fact that resolves one does not repeat what it was. */
function alertData(database: Database, { type, id, data }: RecordedFact): Readonly<Record<string, unknown>> {
  if (type === 'AlertRaised') return alertWords(id, data as AlertRaised['data']);
  if (type === 'AlertsDigested') {
    const { alerts, total } = data as AlertsDigested['data'];
    return { list: digestWords(alerts, total) };
  }
  if (type !== 'AlertResolved') return {};
  const alert = findAlert(database, (data as { registry: string }).registry, id);
  return alert ? { key: alert.key, ...alertWords(id, alert) } : { alert: id };
}
