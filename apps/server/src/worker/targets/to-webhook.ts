import { Webhook } from 'standardwebhooks';
import type { Outgoing } from '#libs/outgoing';
import type { RotationTargetOf } from '../../rotation-target.js';
import { ask, type NewSecret } from './delivery.js';

/** Posts the new key, signed as Standard Webhooks lays down. Whatever answers 2xx has taken it. */
export async function toWebhook(
  requests: Outgoing,
  { url, signingSecret }: RotationTargetOf<'webhook'>,
  secret: NewSecret,
): Promise<null> {
  const { id, key, name, expiresAt, predecessor, registry, deliveryId } = secret;
  const at = new Date();
  const body = JSON.stringify({
    type: 'key.rotated',
    timestamp: at.toISOString(),
    data: { registry, key: { id, name, expiresAt, secret: key }, predecessor },
  });
  const headers = {
    'content-type': 'application/json',
    'webhook-id': deliveryId,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(signingSecret).sign(deliveryId, at, body),
  };
  await ask(requests, { url, method: 'POST', headers, body });
  return null;
}
