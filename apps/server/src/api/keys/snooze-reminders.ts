import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventLog, type CommandContext } from '#libs/event-store';
import { parseDuration } from '#libs/kernel';
import { keys, snoozeReminders } from '#libs/keys';
import { now } from '#libs/platform';
import { ReadModels, type RegistryRow } from '#libs/read-models';
import { commandContext, CurrentCaller, RequiresOfKey, type Caller } from '../http/caller.js';
import { IsDurationText, IsTimestamp, NotTogetherWith } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { invalidField } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { parseTimestamp } from '../http/timestamps.js';
import { answerWritten, READ_MODEL_WAIT_MS } from '../http/written.js';
import { storedExpiry } from './expiry.js';
import { KeyParameter } from './key-parameter.js';

class SnoozeBody {
  @IsTimestamp({ optional: true, description: 'Nobody is reminded before this time, within the next year.' })
  @NotTogetherWith('for')
  until?: string | null;

  @IsDurationText({ optional: true, description: 'The same as a duration from now on, such as P7D.' })
  for?: string | null;
}

class SnoozedKey {
  @ApiProperty() id: string;
  @ApiProperty({ format: 'date-time', description: 'From when on people are reminded again.' })
  snoozedUntil: string;
}

export class SnoozeReminders extends Command<{ position: bigint }> {
  constructor(
    readonly registry: string,
    readonly id: string,
    readonly at: string,
    readonly until: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(SnoozeReminders)
export class SnoozeRemindersHandler implements ICommandHandler<SnoozeReminders> {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
  ) {}

  async execute({ registry, id, at, until, context }: SnoozeReminders) {
    const { position } = await this.log.transact(keys, id, snoozeReminders({ registry, at, until }), context);
    await this.readModels.waitFor(position, READ_MODEL_WAIT_MS);
    return { position };
  }
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key/snooze')
export class SnoozeRemindersRoute {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @RequiresOfKey('own-keys', 'any-keys')
  @Operation({
    problems: ['key-revoked', 'key-expired'],
    summary:
      'Have nobody reminded of a key for a while. What becomes due meanwhile is said once, afterwards.',
    answer: SnoozedKey,
  })
  async snooze(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Body() body: SnoozeBody,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SnoozedKey> {
    const at = now();
    const until = snoozedUntil(body, at);
    const command = new SnoozeReminders(registry.id, id, at, until, commandContext(caller));
    const { position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    return { id, snoozedUntil: until };
  }
}

function snoozedUntil({ until, for: duration }: SnoozeBody, at: string): string {
  if (until) return storedExpiry(parseTimestamp(until)!, '/until');
  if (duration) return storedExpiry(Date.parse(at) + parseDuration(duration)!, '/for');
  throw invalidField('/until', 'Either until or for is given.');
}
