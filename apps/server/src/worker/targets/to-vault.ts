import type { Outgoing, OutgoingAnswer } from '#libs/outgoing';
import type { RotationTargetOf } from '../../rotation-target.js';
import { ask, credentialsOf, DeliveryFailed, escapedPath, jsonOf, type NewSecret } from './delivery.js';

interface Stored {
  /** 0: nothing is there, or it was deleted. */
  readonly version: number;
  readonly username: unknown;
  readonly password: unknown;
}

/**
 * Writes user name and password as a new version of a secret of HashiCorp Vault's KV engine, version 2
 * (`POST /v1/<mount>/data/<path>`), by check-and-set: only over the version that was read before. Then reads it back. What an
 * earlier attempt wrote, whose answer was lost, counts as written.
 */
export async function toVault(
  requests: Outgoing,
  target: RotationTargetOf<'vault'>,
  secret: NewSecret,
): Promise<string> {
  const before = await stored(requests, target);
  if (!has(before, secret)) {
    const body = JSON.stringify({ options: { cas: before.version }, data: credentialsOf(secret) });
    const headers = { 'content-type': 'application/json', ...tokenOf(target) };
    await ask(requests, { url: urlOf(target), method: 'POST', headers, body });
  }
  const after = await stored(requests, target);
  if (!has(after, secret)) throw new DeliveryFailed('the target has something else than was written', false);
  return String(after.version);
}

async function stored(requests: Outgoing, target: RotationTargetOf<'vault'>): Promise<Stored> {
  const request = { url: urlOf(target), method: 'GET', headers: tokenOf(target) } as const;
  const answer = await ask(requests, request, isReadable);
  const outer = (jsonOf(answer)['data'] ?? {}) as { data?: Stored | null; metadata?: { version?: number } };
  const version = outer.metadata?.version ?? 0;
  return { version, username: outer.data?.username, password: outer.data?.password };
}

/** 404: nothing was ever written there, or (with its metadata) the newest version was deleted. */
function isReadable({ status, body }: OutgoingAnswer): boolean {
  return status === 200 || (status === 404 && body.length > 0);
}

function has(stored: Stored, secret: NewSecret): boolean {
  return stored.username === secret.id && stored.password === secret.key;
}

function urlOf({ url, mount, path }: RotationTargetOf<'vault'>): string {
  return `${url.replace(/\/+$/, '')}/v1/${escapedPath(mount)}/data/${escapedPath(path)}`;
}

function tokenOf({ token }: RotationTargetOf<'vault'>): Record<string, string> {
  return { 'x-vault-token': token, 'x-vault-request': 'true' };
}
