import { Body, Controller, Param, Patch, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { now, Settings } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import {
  changeRegistry,
  registries,
  UPSTREAM_LENGTH_MAX,
  type RegistryChanges,
  type RegistryState,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsText } from '../http/fields.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { OwnUpstream } from './own-upstream.js';
import { registryIs, registryVersion } from './registry-version.js';
import { RegistryView, stateView } from './registry-view.js';

class ChangeRegistryBody {
  @IsText({ max: 200, optional: true })
  name?: string | null;

  @IsText({
    max: UPSTREAM_LENGTH_MAX,
    optional: true,
    description:
      'A registry behind the gate for this one alone; null: the one that all share. Moves no image.',
  })
  upstream?: string | null;
}

export class ChangeRegistry extends Command<{ state: RegistryState; version: bigint; position: bigint }> {
  constructor(
    readonly registry: string,
    readonly changes: RegistryChanges,
    readonly context: CommandContext,
    readonly ifMatch?: Precondition,
  ) {
    super();
  }
}

@CommandHandler(ChangeRegistry)
export class ChangeRegistryHandler implements ICommandHandler<ChangeRegistry> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
    private readonly narrowed: Narrowed,
  ) {}

  /** Whoever is told that the upstream is another has waited until no gate goes to the former one. */
  async execute({ registry, changes, context, ifMatch }: ChangeRegistry) {
    const change = changeRegistry(changes, now());
    const seen = registryIs(ifMatch);
    const { state, history, position } = await this.log.transact(registries, registry, change, context, seen);
    if (changes.upstream === undefined) await this.widened.apply(position);
    else await this.narrowed.apply(position);
    return { state, version: registryVersion(history), position };
  }
}

@ApiTags('registries')
@Controller('v1/registries/:registry')
export class ChangeRegistryRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly settings: Settings,
    private readonly upstreams: OwnUpstream,
  ) {}

  @Patch()
  @Requires('configure')
  @TakesIfMatch()
  @Operation({
    problems: ['upstream-taken'],
    summary: 'Rename a registry, or give it another registry behind the gate (administrators only).',
    answer: RegistryView,
  })
  async change(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Body() body: ChangeRegistryBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegistryView> {
    const changes = this.changes(id, body, caller);
    const command = new ChangeRegistry(id, changes, commandContext(caller), ifMatch);
    const { state, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return stateView(id, state, this.settings.registryDomain);
  }

  private changes(id: string, { name, upstream }: ChangeRegistryBody, caller: Caller): RegistryChanges {
    if (name === null) throw invalidField('/name', 'name must be text: a registry always has one');
    const renamed = name === undefined ? {} : { name };
    if (upstream === undefined) return renamed;
    if (!caller.administrator) throw new Refusal('not-permitted', 'only administrators change the upstream');
    return { ...renamed, upstream: upstream === null ? null : this.upstreams.check(upstream, id) };
  }
}
