import { Body, Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { now, Settings } from '#libs/platform';
import type { RegistryRow } from '#libs/read-models';
import { addHost, hostProblem, registries, type RegistryFact, type RegistryState } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { FirstAnswer, TakesIdempotencyKey, type Attempt } from '../http/first-answer.js';
import { IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { Widened } from '../http/widened.js';
import { showVersion } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { HostProof } from './host-proof.js';
import { registryVersion } from './registry-version.js';
import { RegistryView, stateView } from './registry-view.js';
import { ReserveNames } from './reserve-names.js';

/** RFC 1035 2.3.4. */
const HOST_LENGTH_MAX = 253;

class AddHostBody {
  @IsText({ max: HOST_LENGTH_MAX, description: 'A DNS name or an IP address in lower case, without port.' })
  host: string;
}

interface Added {
  readonly state: RegistryState;
  readonly version: bigint;
  readonly position: bigint;
  readonly isNew: boolean;
}

export class AddHost extends Command<Added> {
  constructor(
    readonly registry: string,
    readonly host: string,
    readonly proofNeeded: boolean,
    readonly context: CommandContext,
    /** What a repeated call has to be. */
    readonly isFirst?: Attempt['isFirst'],
  ) {
    super();
  }
}

@CommandHandler(AddHost)
export class AddHostHandler implements ICommandHandler<AddHost> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
    private readonly names: ReserveNames,
    private readonly proof: HostProof,
  ) {}

  /** The proof comes first: whoever has none learns nothing about the registry that has the host. */
  async execute(command: AddHost) {
    const { registry, host, proofNeeded } = command;
    const before = await this.log.read(registries, registry);
    const isNew = addHost(host, now())(before.state).length > 0;
    if (isNew && proofNeeded) await this.proof.require(registry, host);
    const { state, history, position } = isNew
      ? await this.add(command)
      : { ...before, history: before.events };
    await this.widened.apply(position);
    return { state, version: registryVersion(history), position, isNew };
  }

  /** A crash on the way leaves at most a reservation that the registry does not use; it is free again a minute later. */
  private async add({ registry, host, context, isFirst }: AddHost) {
    await this.names.takeHost(registry, host, context);
    const added = await this.log.transact(registries, registry, addHost(host, now()), context, isFirst);
    await this.names.keepHost(registry, host, context);
    return added;
  }
}

@ApiTags('registries')
@Controller('v1/registries/:registry/hosts')
export class AddHostRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly settings: Settings,
    private readonly firstAnswer: FirstAnswer,
  ) {}

  @Post()
  @Requires('members')
  @TakesIdempotencyKey()
  @Operation({
    problems: ['host-not-proven', 'host-taken'],
    again: 'The registry has this host already.',
    summary: 'Add a host: by administrators at once, by others once its DNS says so (`host-not-proven`).',
    answer: RegistryView,
    status: 201,
  })
  async add(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Body() { host }: AddHostBody,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegistryView> {
    const { registryDomain } = this.settings;
    const problem = hostProblem(host, registryDomain);
    if (problem) throw invalidField('/host', problem);
    const repeatable = this.firstAnswer.asked(idempotencyKey, caller, `add host ${id}`, { host });
    const { state, version, position, isNew } = await this.firstAnswer.of<RegistryState, RegistryFact, Added>(
      repeatable,
      commandContext(caller),
      now(),
      {
        kind: registries,
        streamOf: () => id,
        ownStream: false,
        make: ({ context, isFirst }) =>
          this.commands.execute(new AddHost(id, host, !caller.administrator, context, isFirst)),
        again: (_, read) => ({ ...read, version: registryVersion(read.events), isNew: false }),
      },
    );
    answerWritten(reply, isNew ? 201 : 200, position);
    showVersion(reply, version);
    return stateView(id, state, registryDomain);
  }
}
