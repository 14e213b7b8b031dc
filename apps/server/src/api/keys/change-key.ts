import { Body, Controller, Param, Patch, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { isNarrowing } from '#libs/access';
import { EventLog, type CommandContext } from '#libs/event-store';
import {
  changeKey,
  keys,
  PERMISSIONS,
  type KeyFact,
  type KeyState,
  type KeyTraits,
  type Permission,
} from '#libs/keys';
import { now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { commandContext, CurrentCaller, RequiresOfKey, type Caller } from '../http/caller.js';
import { IsChoice, IsLabels, IsText, IsTimestamp } from '../http/fields.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { IfMatch, TakesIfMatch, type Precondition } from '../http/versions.js';
import { expiryAt } from './expiry.js';
import { KeyParameter } from './key-parameter.js';
import { keyIs, keyVersion } from './key-version.js';
import { KeyView } from './key-view.js';
import { KeyViews, type WrittenKey } from './key-views.js';
import { refuseAgainstPolicy } from './refuse-against-policy.js';
import { IsCountries, IsNetworks, IsRepositories, restrictions } from './restrictions.js';

/** What is left out stays as it is; null takes it away. */
class ChangeKeyBody {
  @IsText({ max: 200, optional: 'absent' })
  name?: string;

  @IsChoice(PERMISSIONS, { optional: 'absent' })
  permission?: Permission;

  @IsTimestamp({ optional: true, description: 'When the key ends; null: never.' })
  expiresAt?: string | null;

  @IsText({ min: 0, max: 1_000, lines: true, optional: true })
  description?: string | null;

  @IsLabels({ optional: true, description: 'All labels that the key has from then on.' })
  labels?: Record<string, string> | null;

  @IsRepositories() repositories?: unknown[] | null;
  @IsNetworks() networks?: unknown[] | null;
  @IsCountries() expectedCountries?: unknown[] | null;
}

export class ChangeKey extends Command<WrittenKey> {
  constructor(
    readonly registry: Pick<RegistryRow, 'id' | 'policy'>,
    readonly id: string,
    readonly changes: Partial<KeyTraits>,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(ChangeKey)
export class ChangeKeyHandler implements ICommandHandler<ChangeKey> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
    private readonly narrowed: Narrowed,
  ) {}

  async execute({ registry, id, changes, context, ifMatch }: ChangeKey) {
    const change = changeKey({ registry: registry.id, at: now(), changes });
    let before: KeyState = keys.initial;
    const decide = (state: KeyState) => {
      const facts = change((before = state));
      for (const fact of facts) refuseChange(registry, state, fact);
      return facts;
    };
    const seen = keyIs(ifMatch, registry.id);
    const { state, history, position } = await this.log.transact(keys, id, decide, context, seen);
    if (mustBeKnown(before, state, changes)) await this.narrowed.apply(position);
    else await this.widened.apply(position);
    return { state, version: keyVersion(history), position };
  }
}

/** The policy counts for what becomes different; what was so before it stays. */
function refuseChange(registry: Pick<RegistryRow, 'policy'>, state: KeyState, fact: KeyFact): void {
  if (state.status === 'none' || fact.type !== 'KeyChanged') return;
  const { changes } = fact.data;
  const fields = (['name', 'expiresAt', 'networks'] as const).filter((name) => changes[name] !== undefined);
  refuseAgainstPolicy(registry, { ...state, createdAt: state.generated.at, ...changes }, fields);
}

/** What a gate decides by. */
const RIGHTS = ['permission', 'expiresAt', 'repositories', 'networks'] as const;

/**
 * Whether every gate has to know the change before it is answered: it takes something away, or says that a right is so
 * which was so before. An earlier call may have taken something away there, and not have been answered.
 */
function mustBeKnown(before: KeyState, after: KeyState, wanted: Partial<KeyTraits>): boolean {
  if (before.status === 'none' || after.status === 'none') return true;
  // What did not change is the very same value: see the fold of the key.
  const isRepeated = RIGHTS.some((right) => wanted[right] !== undefined && before[right] === after[right]);
  return isRepeated || isNarrowing(before, after);
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key')
export class ChangeKeyRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly views: KeyViews,
  ) {}

  @Patch()
  @RequiresOfKey('own-keys', 'any-keys')
  @TakesIfMatch()
  @Operation({
    problems: ['key-revoked', 'key-expired', 'expiry-in-past', 'policy-violated'],
    summary: 'Change a key. Once answered, no gate grants what it may no more.',
    answer: KeyView,
  })
  async change(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Body() body: ChangeKeyBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    const command = new ChangeKey(registry, id, changes(body), commandContext(caller), ifMatch);
    return this.views.ofWritten(reply, registry, id, await this.commands.execute(command));
  }
}

function changes(body: ChangeKeyBody): Partial<KeyTraits> {
  const { name, permission, expiresAt, description, labels } = body;
  return {
    ...(name !== undefined && { name }),
    ...(permission !== undefined && { permission }),
    ...(expiresAt !== undefined && { expiresAt: expiryAt(expiresAt) }),
    ...(description !== undefined && { description }),
    ...(labels !== undefined && { labels: labels ?? {} }),
    ...restrictions(body),
  };
}
