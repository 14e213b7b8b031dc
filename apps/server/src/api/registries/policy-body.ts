import { ApiProperty } from '@nestjs/swagger';
import {
  DEFAULT_POLICY,
  LEAK_ACTIONS,
  NAME_PATTERN_LENGTH_MAX,
  type LeakAction,
  type RegistryPolicy,
} from '#libs/registries';
import { IsChoice, IsCount, IsDurationText, IsFlag, IsList, IsText } from '../http/fields.js';
import { networkList } from '../http/entry-lists.js';
import { PageQuery } from '../http/pages.js';
import { Problem } from '../http/problems.js';
import { parseDuration } from '#libs/kernel';

/** Each is a fact on every key: whoever needs more does not want to be reminded. */
const REMINDERS_MAX = 10;
/** Each may be tried at each request of the registry. */
const NETWORKS_MAX = 100;
/** Far beyond what one registry holds. */
const KEYS_MAX = 10_000_000;

/** A policy is put as a whole: what is left out is as by default. */
export class PolicyBody {
  @IsDurationText({
    optional: true,
    description:
      'No key lives longer, from its birth to its expiry, which it needs then. null: as long as it likes.',
  })
  maxLifetime?: string | null;

  @IsFlag({ description: 'Whether every key needs an expiry.' })
  requireExpiry?: boolean;

  @IsDurationText({
    optional: true,
    description: 'After this a key should be replaced (`rotateBy`). Absent: P90D; null: never.',
  })
  rotationPeriod?: string | null;

  @IsList({
    max: REMINDERS_MAX,
    optional: true,
    description:
      'So long before an expiry or `rotateBy` people are reminded. Absent or null: P30D, P14D, P7D and P1D; an empty list: never.',
  })
  reminders?: unknown[] | null;

  @IsList({
    max: NETWORKS_MAX,
    optional: true,
    description:
      'Networks (CIDR) or addresses from which all keys of the registry are accepted, each beside its own ones. Empty or null: all.',
  })
  allowedNetworks?: unknown[] | null;

  @IsText({
    max: NAME_PATTERN_LENGTH_MAX,
    optional: true,
    description:
      'Regular expression that names of keys match, found anywhere in a name unless it has ^ and $; without backreferences and look-around. null: any name.',
  })
  namePattern?: string | null;

  @IsCount({
    min: 1,
    max: KEYS_MAX,
    optional: true,
    description: 'Keys that have not ended; soft: concurrent calls may go beyond it. null: any number.',
  })
  maxKeys?: number | null;

  @IsText({
    max: 64,
    optional: true,
    description: 'IANA name of the zone in which times are told to people.',
  })
  timeZone?: string | null;

  @IsChoice(LEAK_ACTIONS, {
    optional: true,
    description:
      'What is done when a key is reported as leaked with its true secret, beside telling the channels. Absent or null: `notify`, which is nothing more.',
  })
  onLeak?: LeakAction | null;

  @IsDurationText({
    optional: true,
    description:
      'How long reads go on at a gate that has lost the event store, at most PT15M: for so long a revoked key may read there. null: not at all.',
  })
  serveReadsFor?: string | null;
}

export class PolicyQuery extends PageQuery {
  @IsChoice(['true', 'false'], {
    optional: 'absent',
    description: '`true`: nothing is changed; the answer says which keys the policy would break.',
  })
  dryRun?: 'true' | 'false';
}

export class PolicyView implements RegistryPolicy {
  @ApiProperty({ type: 'string', format: 'duration', nullable: true }) maxLifetime: string | null;
  @ApiProperty() requireExpiry: boolean;
  @ApiProperty({ type: 'string', format: 'duration', nullable: true }) rotationPeriod: string | null;
  @ApiProperty({ type: [String], description: 'The longest first.' }) reminders: readonly string[];
  @ApiProperty({ type: [String] }) allowedNetworks: readonly string[];
  @ApiProperty({ type: 'string', nullable: true }) namePattern: string | null;
  @ApiProperty({ type: 'integer', nullable: true }) maxKeys: number | null;
  @ApiProperty() timeZone: string;
  @ApiProperty({ enum: LEAK_ACTIONS }) onLeak: LeakAction;
  @ApiProperty({ type: 'string', format: 'duration', nullable: true }) serveReadsFor: string | null;
}

/** What the body asks for, in the form in which it is stored. Throws 400 for an entry of a list that is none. */
export function policyOf(body: PolicyBody): RegistryPolicy {
  const { rotationPeriod = DEFAULT_POLICY.rotationPeriod } = body;
  return {
    maxLifetime: body.maxLifetime ?? null,
    requireExpiry: body.requireExpiry ?? false,
    rotationPeriod,
    reminders: body.reminders ? steps(body.reminders) : DEFAULT_POLICY.reminders,
    allowedNetworks: networkList('allowedNetworks', body.allowedNetworks ?? []),
    namePattern: body.namePattern ?? null,
    maxKeys: body.maxKeys ?? null,
    timeZone: body.timeZone ?? DEFAULT_POLICY.timeZone,
    onLeak: body.onLeak ?? DEFAULT_POLICY.onLeak,
    serveReadsFor: body.serveReadsFor ?? null,
  };
}

/** The longest first, whatever order they came in. */
function steps(list: readonly unknown[]): string[] {
  const errors = list.flatMap((step, index) =>
    typeof step === 'string' && (parseDuration(step) ?? 0) > 0
      ? []
      : [
          {
            pointer: `/reminders/${index}`,
            code: 'invalid-value',
            detail: `reminders[${index}]: a duration such as P7D (no years or months).`,
          },
        ],
  );
  if (errors.length > 0) throw new Problem('invalid-request', errors[0]!.detail, { errors });
  return (list as string[]).toSorted((a, b) => parseDuration(b)! - parseDuration(a)!);
}
