import { Body, Controller, Get, Param, Put, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { DEFAULT_ALERT_SETTINGS as DEFAULTS, type AlertConfiguration } from '#libs/alerts';
import type { PlacedFact } from '#libs/event-store';
import { now } from '#libs/platform';
import { readConfiguration, ReadModels, type RegistryRow } from '#libs/read-models';
import { changeAlertSettings, type AlertingChoice } from '#libs/registries';
import { commandContext, CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { checkedList, COUNTRY, NETWORK, refuseFaults } from '../http/entry-lists.js';
import { IsCount, IsList, IsObjectOf } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import type { FieldProblem } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { IfMatch, showVersion, TakesIfMatch, type Precondition } from '../http/versions.js';
import { answerWritten } from '../http/written.js';
import { ConfigureAlerts, versionOf } from './alert-rules.js';
import { IsClock } from './rule-fields.js';

/** As of the policy. */
const NETWORKS_MAX = 100;

class QuietHoursBody {
  @IsClock({ description: 'Later than `until`: over midnight.' }) from: string;
  @IsClock() until: string;
}

/** The whole of it: what is left out is as by default. */
class AlertSettingsBody {
  @IsCount({ min: 3, max: 60, optional: 'absent', description: `Absent: ${DEFAULTS.learningDays}.` })
  learningDays?: number;

  @IsCount({ min: 1, max: 720, optional: 'absent', description: `Absent: ${DEFAULTS.foldHours}.` })
  foldHours?: number;

  @IsList({ max: NETWORKS_MAX, optional: true, description: 'ISO 3166-1 alpha-2, such as DE.' })
  expectedCountries?: unknown[] | null;

  @IsList({ max: NETWORKS_MAX, optional: true, description: 'In CIDR notation, or single addresses.' })
  expectedNetworks?: unknown[] | null;

  @IsObjectOf(() => QuietHoursBody, {
    optional: true,
    description: 'In the time zone of the policy: alerts below `high` wait until they are over.',
  })
  quietHours?: QuietHoursBody | null;

  @IsClock({ optional: 'absent', description: `When low alerts are told of. Absent: ${DEFAULTS.digestAt}.` })
  digestAt?: string;
}

class QuietHoursView {
  @ApiProperty({ example: '22:00' }) from: string;
  @ApiProperty({ example: '07:00' }) until: string;
}

/** What holds for all rules. */
class AlertSettingsView {
  @ApiProperty({ type: 'integer', description: "Days of a key's use before novelty and volume are judged." })
  learningDays: number;
  @ApiProperty({ type: 'integer', description: 'Hours in which repeats fold into one alert.' })
  foldHours: number;
  @ApiProperty({ type: [String], description: 'Of keys that name none themselves.' })
  expectedCountries: readonly string[];
  @ApiProperty({ type: [String] }) expectedNetworks: readonly string[];
  @ApiProperty({ type: QuietHoursView, nullable: true }) quietHours: QuietHoursView | null;
  @ApiProperty({ example: '08:00' }) digestAt: string;
  @ApiProperty({ description: 'Of quiet hours and digest: that of the policy.' }) timeZone: string;
}

@ApiTags('alerts')
@Controller('v1/registries/:registry/alert-settings')
export class AlertSettingsRoute {
  constructor(
    private readonly commands: CommandBus,
    private readonly readModels: ReadModels,
  ) {}

  @Get()
  @Requires('see')
  @Operation({ id: 'getAlertSettings', summary: 'What holds for all rules.', answer: AlertSettingsView })
  show(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): AlertSettingsView {
    const { configuration, versions } = readConfiguration(this.readModels.database, id);
    showVersion(reply, versionOf(versions['']));
    return settingsView(configuration);
  }

  @Put()
  @Requires('configure')
  @TakesIfMatch()
  @Operation({
    id: 'changeAlertSettings',
    summary:
      'Set the whole of what holds for all rules: learning, folding, expected places, quiet hours, the digest.',
    answer: AlertSettingsView,
  })
  async change(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Body() body: AlertSettingsBody,
    @CurrentCaller() caller: Caller,
    @IfMatch() ifMatch: Precondition | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AlertSettingsView> {
    const decision = changeAlertSettings(now(), settingsOf(body));
    const isAbout = ({ type }: PlacedFact) => type === 'AlertSettingsChanged';
    const command = new ConfigureAlerts(id, decision, isAbout, commandContext(caller), ifMatch);
    const { configuration, version, position } = await this.commands.execute(command);
    answerWritten(reply, 200, position);
    showVersion(reply, version);
    return settingsView(configuration);
  }
}

function settingsOf(body: AlertSettingsBody): AlertingChoice {
  const { learningDays = DEFAULTS.learningDays, foldHours = DEFAULTS.foldHours, quietHours } = body;
  return {
    learningDays,
    foldHours,
    ...expectedPlaces(body),
    quietHours: quietHours ? { from: quietHours.from, until: quietHours.until } : null,
    digestAt: body.digestAt ?? DEFAULTS.digestAt,
  };
}

/** In their normal form. Throws 400 with a fault at each entry that is none. */
export function expectedPlaces(body: {
  readonly expectedCountries?: readonly unknown[] | null;
  readonly expectedNetworks?: readonly unknown[] | null;
}): Pick<AlertingChoice, 'expectedCountries' | 'expectedNetworks'> {
  const faults: FieldProblem[] = [];
  const { expectedCountries, expectedNetworks } = body;
  const places = {
    expectedCountries: checkedList(COUNTRY, 'expectedCountries', expectedCountries ?? [], faults),
    expectedNetworks: checkedList(NETWORK, 'expectedNetworks', expectedNetworks ?? [], faults),
  };
  refuseFaults(faults);
  return places;
}

function settingsView({ settings, timeZone }: AlertConfiguration): AlertSettingsView {
  const { rules: _, ...shown } = settings;
  return { ...shown, timeZone };
}
