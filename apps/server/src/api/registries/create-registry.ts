import { Body, Controller, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { USER_ID } from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { mintId, now, Settings } from '#libs/platform';
import {
  createRegistry,
  hostProblem,
  registries,
  SLUG_LENGTH_MAX,
  slugProblem,
  UPSTREAM_LENGTH_MAX,
  RESERVATION_EXPIRES_AFTER_MS,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { IsHosts, IsPattern, IsText } from '../http/fields.js';
import { KnownUser } from '../http/known-user.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { Widened } from '../http/widened.js';
import { answerWritten } from '../http/written.js';
import { OwnUpstream } from './own-upstream.js';
import { RegistryView, stateView } from './registry-view.js';
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

  @IsText({
    max: UPSTREAM_LENGTH_MAX,
    optional: true,
    description: 'A registry behind the gate for this one alone, as http://host:5000.',
  })
  upstream?: string | null;

  @IsPattern({
    pattern: USER_ID,
    max: 20,
    rule: 'be the id of a user',
    optional: true,
    description: 'The first member, as owner.',
  })
  owner?: string | null;
}

export class CreateRegistry extends Command<{ registry: RegistryView; position: bigint }> {
  constructor(
    readonly slug: string,
    readonly name: string,
    readonly hosts: readonly string[],
    readonly upstream: string | null,
    /** Id of the user who becomes the owner; null: nobody, administrators look after it. */
    readonly owner: string | null,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateRegistry)
export class CreateRegistryHandler implements ICommandHandler<CreateRegistry> {
  constructor(
    private readonly log: EventLog,
    private readonly widened: Widened,
    private readonly settings: Settings,
    private readonly names: ReserveNames,
    private readonly knownUser: KnownUser,
  ) {}

  async execute({ slug, name, hosts, upstream, owner, context }: CreateRegistry) {
    this.checkNames(slug, hosts);
    if (owner !== null) await this.knownUser.require(owner, '/owner');
    const at = now();
    const id = mintId('reg');
    await this.names.reserve(id, slug, hosts, at, context);
    const data = { at, slug, name, plan: this.settings.defaultPlan, createdBy: context.actor.id };
    const create = createRegistry(data, hosts, upstream, owner);
    refuseTooLate(at);
    const created = await this.log.create(registries, id, create, context);
    await this.widened.apply(created.position);
    const registry = stateView(id, created.state, this.settings.registryDomain);
    return { registry, position: created.position };
  }

  private checkNames(slug: string, hosts: readonly string[]): void {
    const problem = slugProblem(slug);
    if (problem) throw invalidField('/slug', problem);
    for (const [index, host] of hosts.entries()) {
      const detail = hostProblem(host, this.settings.registryDomain);
      if (detail) throw invalidField(`/hosts/${index}`, detail);
    }
  }
}

/** Names that were reserved so long ago may be released as abandoned while the registry's own fact is on its way. */
function refuseTooLate(reservedAt: string): void {
  if (Date.now() - Date.parse(reservedAt) <= RESERVATION_EXPIRES_AFTER_MS / 2) return;
  throw new Refusal('unavailable', 'the registry took too long to create: ask again');
}

@ApiTags('registries')
@Controller('v1/registries')
export class CreateRegistryRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly upstreams: OwnUpstream,
  ) {}

  @Post()
  @Requires('administer')
  @Operation({ summary: 'Create a registry.', answer: RegistryView, status: 201 })
  async create(
    @Body() body: CreateRegistryBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegistryView> {
    const { slug, name, hosts, owner = null } = body;
    const upstream = body.upstream ? this.upstreams.check(body.upstream) : null;
    const command = new CreateRegistry(slug, name, hosts ?? [], upstream, owner, commandContext(caller));
    const { registry, position } = await this.commands.execute(command);
    answerWritten(reply, 201, position);
    return registry;
  }
}
