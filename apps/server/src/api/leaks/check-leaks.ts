import { Body, Controller, Post } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { EventLog } from '#libs/event-store';
import { keysIn, type ParsedKey } from '#libs/kernel';
import { keys, type ExistingKey } from '#libs/keys';
import { findRegistry, ReadModels } from '#libs/read-models';
import { CallThrottle, type CallLimit } from '../http/call-throttle.js';
import { CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { IsSecretText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { isSecretOf, LeakedKeys } from './leaked-keys.js';

const TEXT_MAX = 500_000;
/** Each is looked up in the log; a text with more keys is no accident. */
const FOUND_MAX = 100;

/** Of a user. A pipeline that checks each log of a busy day needs fewer; each check may read a hundred streams of the log. */
const CHECKS: CallLimit = { name: 'leak-checks', what: 'checks', max: 60, windowSeconds: 60 };

class CheckLeaksBody {
  @IsSecretText({ max: TEXT_MAX })
  text: string;
}

class FoundRegistry {
  @ApiProperty() id: string;
  @ApiProperty() slug: string;
}

class FoundKey {
  @ApiProperty({ description: 'The public part of the key.' }) id: string;
  @ApiProperty({ enum: ['key', 'access-token'] }) kind: 'key' | 'access-token';

  @ApiProperty({
    type: FoundRegistry,
    nullable: true,
    description: 'null: there is no such key in a registry that you see.',
  })
  registry: FoundRegistry | null;

  @ApiProperty({ type: 'string', nullable: true }) name: string | null;
  @ApiProperty({ type: 'string', nullable: true }) status: string | null;
  @ApiProperty({ description: 'Whether it is the whole key with its true secret, of what you see.' })
  secretMatches: boolean;
}

class FoundKeys {
  @ApiProperty({ type: [FoundKey] }) found: FoundKey[];
  @ApiProperty({ description: `Whether there are more than the first ${FOUND_MAX}.` }) truncated: boolean;
}

/** Looks for keys in a text, which is neither stored nor logged. Finding one is no report of a leak. */
@ApiTags('leaks')
@Controller('v1/leaks/check')
export class CheckLeaksRoute {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    private readonly leakedKeys: LeakedKeys,
    private readonly throttle: CallThrottle,
  ) {}

  @Post()
  @OwnAccount()
  @Operation({
    problems: ['too-many-requests'],
    position: false,
    summary: 'Find keys in a text, by their form and checksum.',
    answer: FoundKeys,
  })
  async check(@Body() { text }: CheckLeaksBody, @CurrentCaller() caller: Caller): Promise<FoundKeys> {
    await this.throttle.admit(CHECKS, caller.userId);
    const all = keysIn(text);
    const found = await Promise.all(all.slice(0, FOUND_MAX).map((key) => this.look(key, caller)));
    return { found, truncated: all.length > FOUND_MAX };
  }

  private async look(key: ParsedKey, { rights, administrator }: Caller): Promise<FoundKey> {
    const { id, prefix } = key;
    const nothing = { registry: null, name: null, status: null, secretMatches: false };
    if (prefix === 'drm') {
      // Whose token it is, only administrators may know; that it works, whoever has it can find out anyway.
      const secretMatches = administrator && (await this.leakedKeys.isProven(key));
      return { ...nothing, id, kind: 'access-token', secretMatches };
    }
    const { state } = await this.log.read(keys, id);
    const registry =
      state.status === 'none' ? undefined : findRegistry(this.readModels.database, state.generated.registry);
    if (state.status === 'none' || !registry || !rights(registry.id).has('see')) {
      return { ...nothing, id, kind: 'key' };
    }
    return {
      id,
      kind: 'key',
      registry: { id: registry.id, slug: registry.slug },
      name: state.name,
      status: shownStatus(state),
      secretMatches: isSecretOf(state, key),
    };
  }
}

/** By the clock, as the gate has it. */
function shownStatus({ status, expiresAt }: ExistingKey): string {
  const isOver = expiresAt !== null && Date.parse(expiresAt) <= Date.now();
  return isOver && status !== 'revoked' ? 'expired' : status;
}
