import { AwsV4Signer } from 'aws4fetch';
import type { Outgoing } from '#libs/outgoing';
import type { RotationTargetOf } from '../../rotation-target.js';
import { ask, credentialsOf, DeliveryFailed, jsonOf, type NewSecret } from './delivery.js';

type Target = RotationTargetOf<'aws-secrets-manager'>;

/**
 * Makes user name and password the current version of a secret of AWS Secrets Manager, in the form that ECS takes for a
 * private registry, and asks what is current then. The version's id is that of the delivery, so that another attempt writes
 * the same version (`ClientRequestToken`).
 */
export async function toAws(requests: Outgoing, target: Target, secret: NewSecret): Promise<string> {
  const { deliveryId } = secret;
  const SecretString = JSON.stringify(credentialsOf(secret));
  await call(requests, target, 'PutSecretValue', { ClientRequestToken: deliveryId, SecretString });
  const current = await call(requests, target, 'DescribeSecret', {});
  const stages = (current['VersionIdsToStages'] ?? {}) as Record<string, readonly string[] | undefined>;
  if (stages[deliveryId]?.includes('AWSCURRENT') !== true) {
    throw new DeliveryFailed('the target has another version as its current one', false);
  }
  return deliveryId;
}

/** Secrets Manager speaks JSON 1.1 of AWS: one path, and the operation in a header. */
async function call(
  requests: Outgoing,
  { region, secretId, url, accessKeyId, secretAccessKey }: Target,
  operation: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  const body = JSON.stringify({ SecretId: secretId, ...parameters });
  const signer = new AwsV4Signer({
    url: url ?? `https://secretsmanager.${region}.amazonaws.com/`,
    method: 'POST',
    // The signer leaves out the type of the content unless it is told not to.
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `secretsmanager.${operation}` },
    body,
    accessKeyId,
    secretAccessKey,
    service: 'secretsmanager',
    region,
    allHeaders: true,
  });
  const signed = await signer.sign();
  const headers = Object.fromEntries([...signed.headers].filter(([name]) => name !== 'host'));
  return jsonOf(await ask(requests, { url: signed.url.href, method: 'POST', headers, body }));
}
