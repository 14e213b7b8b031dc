import { ApiProperty } from '@nestjs/swagger';
import {
  PERMISSIONS,
  rotateBy,
  shownStatus,
  type ExistingKey,
  type Permission,
  type ShownStatus,
} from '#libs/keys';
import type { KeyRow, LastUse, RegistryRow } from '#libs/read-models';
import { USAGE_ACTIONS, type UsageAction } from '#libs/usage';
import { RevocationView } from './revocation-reasons.js';

/** As they are shown, the strongest last: a suspended key whose time is over is expired. */
export const STATUSES = [
  'active',
  'rotating',
  'suspended',
  'expired',
  'revoked',
] as const satisfies readonly ShownStatus[];

/** What all answers about a key have in common. */
type KeyFacts = Omit<KeyRow, 'born' | 'revision'>;

/** The key that this one took over from, and the one that takes over from it. */
export class LineageView {
  @ApiProperty({ type: 'string', nullable: true }) predecessor: string | null;
  @ApiProperty({ type: 'string', nullable: true }) successor: string | null;
}

/** When, from where and for what a key was used last. */
export class LastUseView implements LastUse {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ type: 'string', nullable: true, description: 'Truncated to /24 or /48.' })
  network: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'ISO 3166-1 alpha-2.' })
  country: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'Such as `docker`; `other`: not in the list.' })
  client: string | null;
  @ApiProperty({ type: 'string', nullable: true }) repository: string | null;
  @ApiProperty({ enum: USAGE_ACTIONS }) action: UsageAction;
}

/** A key as the API shows it. Its secret is not part of it. */
export class KeyView {
  @ApiProperty({ description: '`drk_` and 16 characters: public, and the user name for `docker login`.' })
  id: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: PERMISSIONS }) permission: Permission;
  @ApiProperty({ description: 'Id of the registry.' }) registry: string;
  @ApiProperty({ type: [String], description: 'Empty: every repository of the registry.' })
  repositories: readonly string[];
  @ApiProperty({ type: [String], description: 'Empty: from every network.' }) networks: readonly string[];
  @ApiProperty({
    type: [String],
    description: 'ISO 3166-1 alpha-2. Use from elsewhere raises alerts; it restricts nothing.',
  })
  expectedCountries: readonly string[];
  @ApiProperty({ type: 'string', nullable: true }) description: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } }) labels: Readonly<
    Record<string, string>
  >;
  @ApiProperty({ enum: STATUSES }) status: ShownStatus;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({
    description: 'Id of the user whose key it is: who generated it, maybe with an access token.',
  })
  createdBy: string;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) expiresAt: string | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: "When to replace it, by the registry's policy of now; null: never.",
  })
  rotateBy: string | null;
  @ApiProperty({ type: LineageView }) lineage: LineageView;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'Until when a rotated key works beside its successor; null: it has none.',
  })
  graceEndsAt: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) revokedAt: string | null;
  @ApiProperty({ type: RevocationView, nullable: true }) revocation: RevocationView | null;
  @ApiProperty({ description: 'A canary looks like a key and grants nothing: any touch raises an alert.' })
  canary: boolean;
  @ApiProperty({
    type: LastUseView,
    nullable: true,
    description:
      'null: never, longer ago than usage is kept, or not known of that moment. No part of the version.',
  })
  lastUsed: LastUseView | null;
  @ApiProperty({ description: 'Asks for the key itself; `-p <key>` works too.' }) dockerLogin: string;
}

/** The key at `now` (RFC 3339): a key whose time is over is shown as expired whether the sweep has recorded it or not. */
export function keyView(
  key: KeyFacts,
  { policy }: Pick<RegistryRow, 'policy'>,
  dockerHost: string,
  now: string,
  lastUsed: LastUse | null = null,
): KeyView {
  const { id, name, permission, registry, description, labels, createdAt, createdBy, expiresAt, revokedAt } =
    key;
  const status = shownStatus(key, now);
  // The end of a grace holds before it is recorded, and is shown so.
  const isUnrecorded = status === 'revoked' && key.status !== 'revoked';
  const successor = key.rotation?.successor ?? null;
  const graceEndsAt = key.rotation?.graceEndsAt ?? null;
  return {
    id,
    name,
    permission,
    registry,
    repositories: key.repositories,
    networks: key.networks,
    expectedCountries: key.expectedCountries,
    description,
    labels,
    status,
    createdAt,
    createdBy,
    expiresAt,
    rotateBy: rotateBy(createdAt, policy.rotationPeriod),
    lineage: { predecessor: key.rotates, successor },
    graceEndsAt,
    revokedAt: isUnrecorded ? graceEndsAt : revokedAt,
    revocation: isUnrecorded ? { cause: 'rotated' } : key.revocation && { cause: key.revocation.cause },
    canary: key.canary,
    lastUsed,
    dockerLogin: `docker login -u ${id} ${dockerHost}`,
  };
}

/** The state of a key's stream in the same shape. */
export function keyFacts(id: string, state: ExistingKey): KeyFacts {
  const { generated, ...now } = state;
  const { at, registry, createdBy, rotates, canary } = generated;
  return { ...now, id, registry, createdBy, createdAt: at, rotates, canary };
}

/** Where registry clients find this registry: a loopback host with the gate's port when it has one, else its first host. */
export function dockerHost(registry: RegistryRow, registryDomain: string, gatePort: number): string {
  const loopback = registry.hosts.find((host) => /^(127\.[0-9.]+|localhost|\[::1\])$/.test(host));
  return loopback ? `${loopback}:${gatePort}` : (registry.hosts[0] ?? `${registry.slug}.${registryDomain}`);
}
