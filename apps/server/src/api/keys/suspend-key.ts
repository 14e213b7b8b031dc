import { Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { keys, suspendKey } from '#libs/keys';
import { now } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { commandContext, CurrentCaller, RequiresOfKey, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { IfMatch, TakesIfMatch, type Precondition } from '../http/versions.js';
import { KeyParameter } from './key-parameter.js';
import { keyIs, keyVersion } from './key-version.js';
import { KeyView } from './key-view.js';
import { KeyViews, type WrittenKey } from './key-views.js';

export class SuspendKey extends Command<WrittenKey> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(SuspendKey)
export class SuspendKeyHandler implements ICommandHandler<SuspendKey> {
  constructor(
    private readonly log: EventLog,
    private readonly narrowed: Narrowed,
  ) {}

  /** Whoever is told "suspended" has waited, also when it was so before. */
  async execute({ registry, id, context, ifMatch }: SuspendKey) {
    const suspend = suspendKey({ registry, at: now() });
    const seen = keyIs(ifMatch, registry);
    const { state, history, position } = await this.log.transact(keys, id, suspend, context, seen);
    await this.narrowed.apply(position);
    return { state, version: keyVersion(history), position };
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key/suspend')
export class SuspendKeyRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly views: KeyViews,
  ) {}

  @Post()
  @RequiresOfKey('own-keys', 'any-keys')
  @TakesIfMatch()
  @Operation({
    problems: ['key-revoked', 'key-expired'],
    summary: 'Suspend a key: once answered, no request is accepted with it until it is resumed.',
    answer: KeyView,
  })
  async suspend(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    const command = new SuspendKey(registry.id, id, commandContext(caller), ifMatch);
    return this.views.ofWritten(reply, registry, id, await this.commands.execute(command));
  }
}
