import { AccessModel } from '#libs/access';
import { eachKey, eachRegistryAndHost } from '#libs/read-models';
import type { Database } from '#libs/sqlite';

/** Fills the gate's memory from the read-model file; the log's subscription goes on from the file's checkpoint. */
export function loadAccess(access: AccessModel, database: Database, position: bigint | undefined): void {
  eachRegistryAndHost(
    database,
    (id, slug) => access.loadRegistry({ id, slug }),
    (host, registry) => access.loadHost({ host, registry }),
  );
  let newestFactAt = -Infinity;
  for (const { id, registry, permission, secretHash, status, createdAt, expiresAt, revokedAt } of eachKey(
    database,
  )) {
    access.loadKey({
      id,
      registry,
      permission,
      secretHash,
      state: status,
      expiresAt: expiresAt === null ? null : Date.parse(expiresAt),
      revokedAt: revokedAt === null ? null : Date.parse(revokedAt),
    });
    newestFactAt = Math.max(
      newestFactAt,
      Date.parse(createdAt),
      revokedAt === null ? -Infinity : Date.parse(revokedAt),
    );
  }
  if (position !== undefined) access.startAt(position, newestFactAt);
}
