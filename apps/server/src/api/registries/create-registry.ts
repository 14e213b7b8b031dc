import { Body, Controller, Headers, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext, type StreamRead } from '#libs/event-store';
import { USER_ID } from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { now, Settings } from '#libs/platform';
import {
  createRegistry,
  hostProblem,
  registries,
  SLUG_LENGTH_MAX,
  slugProblem,
  UPSTREAM_LENGTH_MAX,
  RESERVATION_EXPIRES_AFTER_MS,
  type RegistryState,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { FirstAnswer, TakesIdempotencyKey, type Attempt } from '../http/first-answer.js';
import { IsHosts, IsPattern, IsText } from '../http/fields.js';
import { KnownUser } from '../http/known-user.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { Widened } from '../http/widened.js';
import { showVersion } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { OwnUpstream } from './own-upstream.js';
import { registryVersion } from './registry-version.js';
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

interface Created {
  readonly registry: RegistryView;
  readonly version: bigint;
  readonly position: bigint;
}

export class CreateRegistry extends Command<Created> {
  constructor(
    /** The id that it will have, `reg_…`. */
    readonly id: string,
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

  async execute({ id, slug, name, hosts, upstream, owner, context }: CreateRegistry) {
    this.checkNames(slug, hosts);
    if (owner !== null) await this.knownUser.require(owner, '/owner');
    const at = now();
    await this.names.reserve(id, slug, hosts, at, context);
    const data = { at, slug, name, plan: this.settings.defaultPlan, createdBy: context.actor.id };
    const create = createRegistry(data, hosts, upstream, owner);
    refuseTooLate(at);
    const { state, history, facts, position } = await this.log.create(registries, id, create, context);
    // Only an equal call at the same time has the same id; it gives the answer.
    if (facts.length === 0) throw new Refusal('conflict', 'a registry with this id exists already');
    await this.widened.apply(position);
    const registry = stateView(id, state, this.settings.registryDomain);
    return { registry, version: registryVersion(history), position };
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
    private readonly firstAnswer: FirstAnswer,
    private readonly settings: Settings,
  ) {}

  @Post()
  @Requires('administer')
  @TakesIdempotencyKey()
  @Operation({
    problems: ['slug-taken', 'host-taken', 'upstream-taken'],
    summary: 'Create a registry.',
    answer: RegistryView,
    status: 201,
  })
  async create(
    @Body() body: CreateRegistryBody,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RegistryView> {
    const { slug, name, hosts, owner = null } = body;
    const repeatable = this.firstAnswer.asked(idempotencyKey, caller, 'create registry', body);
    const idOf = ({ id }: Attempt) => `reg_${id}`;
    const make = async (attempt: Attempt) => {
      const upstream = body.upstream ? this.upstreams.check(body.upstream) : null;
      const id = idOf(attempt);
      const command = new CreateRegistry(id, slug, name, hosts ?? [], upstream, owner, attempt.context);
      return { ...(await this.commands.execute(command)), isNew: true };
    };
    const { registry, version, position, isNew } = await this.firstAnswer.of(
      repeatable,
      commandContext(caller),
      now(),
      {
        kind: registries,
        streamOf: idOf,
        ownStream: true,
        make,
        again: (attempt, read) => ({ ...this.asItIs(idOf(attempt), read), isNew: false }),
      },
    );
    answerWritten(reply, isNew ? 201 : 200, position);
    showVersion(reply, version);
    return registry;
  }

  private asItIs(id: string, { state, events, position }: StreamRead<RegistryState>): Created {
    const registry = stateView(id, state, this.settings.registryDomain);
    return { registry, version: registryVersion(events), position };
  }
}
