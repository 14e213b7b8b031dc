import { Body, Controller, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { mintId, now, Settings } from '#libs/platform';
import { ReadModels } from '#libs/read-models';
import {
  createRegistry,
  hostProblem,
  registries,
  SLUG_LENGTH_MAX,
  slugProblem,
  type RegistryState,
} from '#libs/registries';
import { commandContext, CurrentCaller, type Caller } from '../http/caller.js';
import { IsHosts, IsText, NotSupportedYet } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { Problem } from '../http/problems.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { RegistryView, registryView } from './registry-view.js';
import { ReserveNames } from './reserve-names.js';

class CreateRegistryBody {
  @IsText({
    max: SLUG_LENGTH_MAX,
    description: 'Lower-case letters, digits and single hyphens; never changes.',
  })
  slug: string;

  @IsText({ max: 200 })
  name: string;

  @IsHosts({
    optional: true,
    description: 'Further hosts beside `<slug>.<REGISTRY_DOMAIN>`, such as 127.0.0.2.',
  })
  hosts?: string[] | null;

  @NotSupportedYet({ type: 'string' })
  owner?: unknown;
}

export class CreateRegistry extends Command<{ registry: RegistryView; position: bigint }> {
  constructor(
    readonly slug: string,
    readonly name: string,
    readonly hosts: readonly string[],
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateRegistry)
export class CreateRegistryHandler implements ICommandHandler<CreateRegistry> {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
    private readonly names: ReserveNames,
  ) {}

  async execute({ slug, name, hosts, context }: CreateRegistry) {
    this.checkNames(slug, hosts);
    const at = now();
    const id = mintId('reg');
    await this.names.reserve(id, slug, hosts, at, context);
    const data = { at, slug, name, plan: this.settings.defaultPlan, createdBy: context.actor.id };
    const created = await this.log.create(registries, id, createRegistry(data, hosts), context);
    await this.readModels.waitFor(created.position, READ_MODEL_WAIT_MS);
    return { registry: this.view(id, created.state), position: created.position };
  }

  private checkNames(slug: string, hosts: readonly string[]): void {
    const problem = slugProblem(slug);
    if (problem)
      throw new Problem('invalid-request', problem, {
        errors: [{ pointer: '/slug', code: 'invalid-value', detail: problem }],
      });
    for (const [index, host] of hosts.entries()) {
      const detail = hostProblem(host, this.settings.registryDomain);
      const pointer = `/hosts/${index}`;
      if (detail)
        throw new Problem('invalid-request', detail, {
          errors: [{ pointer, code: 'invalid-value', detail }],
        });
    }
  }

  private view(id: string, state: RegistryState): RegistryView {
    if (state.status === 'none') throw new Refusal('conflict', 'the registry vanished while it was created');
    return registryView({ id, ...state }, this.settings.registryDomain);
  }
}

@ApiTags('registries')
@Controller('v1/registries')
export class CreateRegistryRoute {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @Operation({ summary: 'Create a registry. Administrators only.', answer: RegistryView, status: 201 })
  async create(
    @Body() body: CreateRegistryBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegistryView> {
    if (!caller.administrator) throw new Refusal('not-permitted', 'only administrators create registries');
    const { slug, name, hosts } = body;
    const command = new CreateRegistry(slug, name, hosts ?? [], commandContext(caller));
    const { registry, position } = await this.commands.execute(command);
    answerWritten(reply, 201, position);
    return registry;
  }
}
