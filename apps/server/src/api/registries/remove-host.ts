import { Controller, Delete, Param, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { now, Settings } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { LOOPBACK_HOSTS, registries, removeHost } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Narrowed } from '../http/narrowed.js';
import { Operation } from '../http/openapi.js';
import { Problem } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten } from '../http/written.js';
import { hostOfSlug } from './registry-view.js';
import { ReserveNames } from './reserve-names.js';

export class RemoveHost extends Command<{ position: bigint }> {
  constructor(
    readonly registry: string,
    readonly host: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RemoveHost)
export class RemoveHostHandler implements ICommandHandler<RemoveHost> {
  constructor(
    private readonly log: EventLog,
    private readonly names: ReserveNames,
    private readonly narrowed: Narrowed,
  ) {}

  /**
   * A crash before the release leaves a reservation that the registry does not use: free for whoever asks. Whoever is told
   * that the registry has not the host has waited too: the call that removed it may have got no answer.
   */
  async execute({ registry, host, context }: RemoveHost) {
    const { facts, position } = await this.log.transact(
      registries,
      registry,
      removeHost(host, now()),
      context,
    );
    if (facts.length > 0) await this.names.freeHost(registry, host, context);
    await this.narrowed.apply(position);
    if (facts.length === 0) throw new Refusal('not-found', 'the registry has no such host');
    return { position };
  }
}

@ApiTags('registries')
@Controller('v1/registries/:registry/hosts/:host')
export class RemoveHostRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly settings: Settings,
  ) {}

  @Delete()
  @Requires('members')
  @Operation({
    problems: ['host-fixed'],
    summary: 'Remove a host: once answered, the registry answers no request on it.',
  })
  async remove(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('host') host: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    this.refuseFixed(registry, host);
    const command = new RemoveHost(registry.id, host, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 204, position);
  }

  /** The next start would add the loopback names again (bootstrap-registry.ts). */
  private refuseFixed({ slug }: RegistryRow, host: string): void {
    const { registryDomain, bootstrapRegistry } = this.settings;
    if (host === hostOfSlug(slug, registryDomain))
      throw new Problem('host-fixed', 'Every registry answers on the host of its slug.');
    if (slug === bootstrapRegistry && (LOOPBACK_HOSTS as readonly string[]).includes(host))
      throw new Problem(
        'host-fixed',
        'The first registry (BOOTSTRAP_REGISTRY) answers on the loopback names.',
      );
  }
}
