import { Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { deliveries, requestDelivery } from '#libs/notifications';
import { mintUuid, now } from '#libs/platform';
import { findChannel, findDelivery, ReadModels, type DeliveryRow, type RegistryRow } from '#libs/read-models';
import { missingChannel } from '#libs/registries';
import { CallThrottle, type CallLimit } from '../http/call-throttle.js';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { ChannelParameter } from './channel-parameter.js';
import { DeliveryParameter, deliveryView, DeliveryView, missingDelivery } from './delivery-view.js';

/**
 * Of a registry, whatever its channels: all of them may lead to one place that is not its own, and one call can lead to ten
 * attempts. Somebody who tries out a channel, or repeats what an outage lost, needs fewer.
 */
const REQUESTS: CallLimit = {
  name: 'requested-deliveries',
  what: 'deliveries were asked for',
  max: 60,
  windowSeconds: 60,
};

export class RequestDelivery extends Command<{ position: bigint }> {
  constructor(
    readonly id: string,
    readonly request: { readonly registry: string; readonly channel: string; readonly test: boolean },
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RequestDelivery)
export class RequestDeliveryHandler implements ICommandHandler<RequestDelivery> {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
  ) {}

  async execute({ id, request, context }: RequestDelivery) {
    const decide = requestDelivery({ at: now(), ...request });
    const { position } = await this.log.transact(deliveries, id, decide, context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { position };
  }
}

@ApiTags('channels')
@Controller('v1/registries/:registry')
export class RequestDeliveryRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly readModels: ReadModels,
    private readonly throttle: CallThrottle,
  ) {}

  @Post('channels/:channel/test')
  @Requires('configure')
  @Operation({
    id: 'testChannel',
    problems: ['too-many-requests'],
    summary: 'Send a channel a test. The deliveries of the channel tell what became of it.',
    answer: DeliveryView,
    status: 201,
  })
  async test(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('channel', ChannelParameter) channel: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DeliveryView> {
    if (!findChannel(this.readModels.database, channel, registry)) throw missingChannel();
    await this.throttle.admit(REQUESTS, registry);
    const id = mintUuid();
    const command = new RequestDelivery(id, { registry, channel, test: true }, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 201, position);
    return deliveryView(
      findDelivery(this.readModels.database, id) ?? requested(id, registry, channel, position),
    );
  }

  @Post('deliveries/:delivery/redeliver')
  @Requires('configure')
  @Operation({
    id: 'redeliver',
    problems: ['too-many-requests'],
    summary: 'Deliver once more, under the same id, and with all attempts of the schedule.',
    answer: DeliveryView,
  })
  async redeliver(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('delivery', DeliveryParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DeliveryView> {
    const row = findDelivery(this.readModels.database, id, registry);
    // Reminders to users are theirs: no channel of the registry.
    if (!row || !findChannel(this.readModels.database, row.target, registry)) throw missingDelivery();
    await this.throttle.admit(REQUESTS, registry);
    const request = { registry, channel: row.target, test: false };
    const command = new RequestDelivery(id, request, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    return deliveryView(findDelivery(this.readModels.database, id, registry) ?? row);
  }
}

/** What the tables will show, for a node whose tables are behind. */
function requested(id: string, registry: string, target: string, position: bigint): DeliveryRow {
  const at = now();
  const none = { httpStatus: null, durationMs: null, error: null, attemptedAt: null };
  const counts = { attempts: 0, round: 1, nextAttemptAt: at, ...none };
  return { id, registry, target, event: 'channel.test', position, at, status: 'pending', ...counts };
}
