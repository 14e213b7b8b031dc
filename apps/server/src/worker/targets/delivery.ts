import { OutgoingError, type Outgoing, type OutgoingAnswer, type OutgoingRequest } from '#libs/outgoing';

/** A new secret on its way to its target. Lives in memory alone. */
export interface NewSecret {
  /** Id of the successor. */
  readonly id: string;
  /** The whole key, `drk_…`. */
  readonly key: string;
  readonly name: string;
  readonly expiresAt: string | null;
  /** Id of the key that it takes over from, and how long that works beside it (ISO 8601). */
  readonly predecessor: { readonly id: string; readonly gracePeriod: string };
  readonly registry: { readonly id: string; readonly slug: string };
  /** UUID of this successor: the same in all attempts to deliver it. */
  readonly deliveryId: string;
}

/** The target does not have the secret, as far as it says. The text may be shown: no secret, URL or address. */
export class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed';

  constructor(
    message: string,
    /** No other attempt would end otherwise. */
    readonly isFinal: boolean,
    options: ErrorOptions = {},
  ) {
    super(message, options);
  }
}

/** Statuses after which it is worth to ask again (RFC 9110 15.5.9, RFC 6585 4). */
const PASSING: readonly number[] = [408, 425, 429];

/** Makes a request of a target, and answers what came back with one of these statuses. Throws DeliveryFailed. */
export async function ask(
  requests: Outgoing,
  request: OutgoingRequest,
  isExpected: (answer: OutgoingAnswer) => boolean = ({ status }) => status >= 200 && status < 300,
): Promise<OutgoingAnswer> {
  const headers = { 'user-agent': 'Dockreg-Keys', ...request.headers };
  const answer = await requests.send({ ...request, headers }).catch((error: unknown) => {
    if (!(error instanceof OutgoingError)) throw error;
    throw new DeliveryFailed(error.message, false, { cause: error });
  });
  if (isExpected(answer)) return answer;
  const { status } = answer;
  throw new DeliveryFailed(`the target answered ${status}`, status < 500 && !PASSING.includes(status));
}

/** The JSON of an answer; throws DeliveryFailed for anything else. */
export function jsonOf(answer: OutgoingAnswer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(answer.body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below, without what it was.
  }
  throw new DeliveryFailed('the target answered something else than JSON', true);
}

/** User name and password, as `docker login` and the services that pull images take them. */
export function credentialsOf({ id, key }: NewSecret): { username: string; password: string } {
  return { username: id, password: key };
}

/** A path of a URL with each of its parts escaped. */
export function escapedPath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
