import { AccessModel } from '#libs/access';
import { eachKey, eachRegistryAndHost } from '#libs/read-models';
import type { Database } from '#libs/sqlite';

/** Fills the gate's memory from the read-model file; the log's subscription goes on from the file's checkpoint. */
export function loadAccess(access: AccessModel, database: Database, position: bigint | undefined): void {
  eachRegistryAndHost(
    database,
    (registry) => access.loadRegistry(registry),
    (host, registry) => access.loadHost({ host, registry }),
  );
  // RFC 3339 in UTC with milliseconds sorts as text: one time is parsed instead of two for each of a million keys.
  let newestFactAt = '';
  for (const key of eachKey(database)) {
    const { id, registry, permission, secretHash, status, createdAt, expiresAt, revokedAt, graceEndsAt } =
      key;
    access.loadKey({
      id,
      registry,
      permission,
      secretHash,
      repositories: key.repositories,
      networks: key.networks,
      state: status,
      expiresAt: expiresAt === null ? null : Date.parse(expiresAt),
      revokedAt: revokedAt === null ? null : Date.parse(revokedAt),
      graceEndsAt: graceEndsAt === null ? null : Date.parse(graceEndsAt),
      canary: key.canary,
    });
    if (createdAt > newestFactAt) newestFactAt = createdAt;
    if (revokedAt !== null && revokedAt > newestFactAt) newestFactAt = revokedAt;
  }
  const newestAt = newestFactAt === '' ? -Infinity : Date.parse(newestFactAt);
  if (position !== undefined) access.startAt(position, newestAt);
}
