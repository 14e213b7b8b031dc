import { Controller, Headers, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { SubjectKeys } from '#libs/personal-data';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import {
  changeChannel,
  channelOf,
  registries,
  type Channel,
  type RegistryFact,
  type RegistryState,
} from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { FirstAnswer, TakesIdempotencyKey, type Attempt } from '../http/first-answer.js';
import { Operation } from '../http/openapi.js';
import { Problem } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { ChannelParameter } from './channel-parameter.js';
import { mintWebhookSecret, overlapEnd } from '../http/webhook-secret.js';

class RotatedSecret {
  @ApiProperty() id: string;

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'The new secret: shown in the first answer and never again.',
  })
  secret: string | null;

  @ApiProperty({
    format: 'date-time',
    description: 'Until then deliveries carry a second signature, with the former secret.',
  })
  previousSecretUntil: string;

  @ApiProperty({
    required: false,
    description: '`secret-already-shown` when the Idempotency-Key was used before: then nothing has changed.',
  })
  code?: string;
}

interface Rotated {
  /** null: it was shown in the first answer. */
  readonly secret: string | null;
  readonly until: string;
  readonly position: bigint;
}

export class RotateChannelSecret extends Command<Rotated> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly context: CommandContext,
    /** What a repeated call has to be. */
    readonly isFirst: Attempt['isFirst'],
  ) {
    super();
  }
}

@CommandHandler(RotateChannelSecret)
export class RotateChannelSecretHandler implements ICommandHandler<RotateChannelSecret> {
  constructor(
    private readonly log: EventLog,
    private readonly subjectKeys: SubjectKeys,
    private readonly readModels: ReadModels,
  ) {}

  /** The secret that it replaces is the one of the moment in which it is decided, also when two calls race. */
  async execute({ registry, id, context, isFirst }: RotateChannelSecret) {
    secretOf((await this.log.read(registries, registry)).state, id);
    const secret = mintWebhookSecret();
    const sealed = await this.subjectKeys.seal(id, secret, context);
    const at = now();
    const until = overlapEnd(at);
    const decide = (state: RegistryState) => {
      const previousSecret = { secret: secretOf(state, id), until };
      return changeChannel(id, { secret: sealed, previousSecret }, at)(state);
    };
    const { position } = await this.log.transact(registries, registry, decide, context, isFirst);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { secret, until, position };
  }
}

function secretOf(state: RegistryState, id: string) {
  const { secret } = channelOf(state, id);
  if (!secret) throw new Problem('invalid-value', 'Only a webhook has a secret.');
  return secret;
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels/:channel/rotate-secret')
export class RotateChannelSecretRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly firstAnswer: FirstAnswer,
  ) {}

  @Post()
  @Requires('configure')
  @TakesIdempotencyKey()
  @Operation({
    problems: ['invalid-value'],
    summary: 'Give a webhook a new secret. For 24 hours deliveries are signed with the former one as well.',
    answer: RotatedSecret,
  })
  async rotate(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('channel', ChannelParameter) id: string,
    @CurrentCaller() caller: Caller,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RotatedSecret> {
    const rotated = await this.rotateOnce(registry, id, caller, idempotencyKey);
    answerWritten(reply, 200, rotated.position);
    const answer = { id, secret: rotated.secret, previousSecretUntil: rotated.until };
    return rotated.secret === null ? { ...answer, code: 'secret-already-shown' } : answer;
  }

  /** A retry after a lost answer must not rotate again: the secret that receivers hold would no longer be the former one. */
  private rotateOnce(
    registry: string,
    id: string,
    caller: Caller,
    key: string | undefined,
  ): Promise<Rotated> {
    const route = `rotate secret ${registry} ${id}`;
    const repeatable = this.firstAnswer.asked(key, caller, route, {});
    return this.firstAnswer.of<RegistryState, RegistryFact, Rotated>(
      repeatable,
      commandContext(caller),
      now(),
      {
        kind: registries,
        streamOf: () => registry,
        ownStream: false,
        make: ({ context, isFirst }) =>
          this.commands.execute(new RotateChannelSecret(registry, id, context, isFirst)),
        again: (_, { position }, { data }) => {
          const { until } = (data as Channel).previousSecret!;
          return { secret: null, until, position };
        },
      },
    );
  }
}
