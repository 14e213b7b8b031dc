import sodium from 'libsodium-wrappers';
import type { Outgoing } from '#libs/outgoing';
import type { RotationTargetOf } from '../../rotation-target.js';
import { ask, DeliveryFailed, escapedPath, jsonOf, type NewSecret } from './delivery.js';

/** The version of GitHub's REST API that this speaks. */
const API_VERSION = '2022-11-28';

/**
 * Puts the key as a secret of a repository's GitHub Actions: sealed (libsodium's sealed box) for the repository's public key,
 * which is asked for first. GitHub shows nobody what it has, so its answer is what counts.
 */
export async function toGithub(
  requests: Outgoing,
  { url, repository, secretName, token }: RotationTargetOf<'github-actions'>,
  secret: NewSecret,
): Promise<null> {
  const secrets = `${url.replace(/\/+$/, '')}/repos/${escapedPath(repository)}/actions/secrets`;
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${token}`,
    'x-github-api-version': API_VERSION,
  };
  const publicKey = jsonOf(await ask(requests, { url: `${secrets}/public-key`, method: 'GET', headers }));
  const body = JSON.stringify({
    encrypted_value: await sealed(secret.key, publicKey['key']),
    key_id: publicKey['key_id'],
  });
  await ask(requests, {
    url: `${secrets}/${encodeURIComponent(secretName)}`,
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  return null;
}

async function sealed(text: string, publicKey: unknown): Promise<string> {
  await sodium.ready;
  const key = Buffer.from(typeof publicKey === 'string' ? publicKey : '', 'base64');
  if (key.length !== sodium.crypto_box_PUBLICKEYBYTES) {
    throw new DeliveryFailed('the target answered no public key', true);
  }
  return Buffer.from(sodium.crypto_box_seal(text, key)).toString('base64');
}
