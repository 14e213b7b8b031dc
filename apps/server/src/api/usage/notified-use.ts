import { isIP } from 'node:net';
import type { Located } from '#libs/geography';
import { clientName, type AcceptedUse, type FinishedUse, type UsageAction } from '#libs/usage';

/** An event of a notification, as far as it counts (CNCF distribution, "Notifications": the event envelope). */
export interface NotifiedEvent {
  /** The event's own id: the same when it is sent again. */
  readonly id: string;
  /** Id of the key. */
  readonly actor: string;
  readonly action: UsageAction;
  /** As the registry behind the gate calls it. */
  readonly repository: string;
  readonly bytes: number;
  /** Empty: not known. */
  readonly address: string;
  readonly userAgent: string | undefined;
}

const ACTIONS: Readonly<Record<string, UsageAction>> = {
  push: 'push',
  mount: 'push',
  pull: 'pull',
  delete: 'delete',
};
const ID_LENGTH_MAX = 128;
/** A repository name has at most 255 characters. */
const REPOSITORY_LENGTH_MAX = 255;

/** Reads an event; undefined for one that does not count: a HEAD, another action, one without an actor, or no event at all. */
export function notifiedEvent(value: unknown): NotifiedEvent | undefined {
  const event = record(value);
  const { id, action: named } = event;
  const [target, request, actor] = [
    record(event['target']),
    record(event['request']),
    record(event['actor']),
  ];
  const action = typeof named === 'string' && Object.hasOwn(ACTIONS, named) ? ACTIONS[named] : undefined;
  const repository = target['repository'];
  if (typeof id !== 'string' || id === '' || id.length > ID_LENGTH_MAX || action === undefined)
    return undefined;
  if (typeof repository !== 'string' || repository.length > REPOSITORY_LENGTH_MAX) return undefined;
  if (typeof actor['name'] !== 'string' || request['method'] === 'HEAD') return undefined;
  const userAgent = typeof request['useragent'] === 'string' ? request['useragent'] : undefined;
  const bytes = named === 'mount' ? 0 : size(target['length'] ?? target['size']);
  return {
    id,
    actor: actor['name'],
    action,
    repository,
    bytes,
    address: addressOf(request['addr']),
    userAgent,
  };
}

/** What it counts as, for a key of this registry; `prefix` is what stands before its repositories' names behind the gate. */
export function notifiedUse(
  { actor: key, action, repository, bytes, userAgent }: NotifiedEvent,
  registry: string,
  prefix: string,
  located: Located,
): { accepted: AcceptedUse; finished: FinishedUse } {
  const name = prefix !== '' && repository.startsWith(prefix) ? repository.slice(prefix.length) : repository;
  const client = clientName(userAgent);
  const [bytesUp, bytesDown] = action === 'push' ? [bytes, 0] : [0, action === 'pull' ? bytes : 0];
  return {
    accepted: { registry, key, action, repository: name, client, ...located },
    finished: { registry, key, action, bytesUp, bytesDown, failed: false },
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** 16 TiB: more than any blob. What a registry says of a size is not believed beyond it. */
const BYTES_MAX = 2 ** 44;

function size(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? Math.min(value as number, BYTES_MAX) : 0;
}

/** `192.0.2.1:45678`, `[2001:db8::1]:45678`, or without the port. */
function addressOf(value: unknown): string {
  if (typeof value !== 'string') return '';
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(value) ?? [];
  const [, before] = /^([^:]+):\d+$/.exec(value) ?? [];
  const address = (bracketed ?? before ?? value).replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(address) === 0 ? '' : address.toLowerCase();
}
