import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RULE_NAMES } from '#libs/alerts';
import { SubjectKeys } from '#libs/personal-data';
import { ALERT_STATUSES, findAlert, listAlerts, ReadModels, type RegistryRow } from '#libs/read-models';
import { Requires } from '../http/caller.js';
import { IsChoice, IsChoices, IsText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, WHOLE_NUMBER, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { AlertParameter, missingAlert } from './alert-parameter.js';
import { alertView, AlertView, SEVERITIES } from './alert-view.js';

class AlertQuery extends PageQuery {
  @IsChoices(ALERT_STATUSES, { optional: true, description: 'Any of these, joined by commas.' })
  status?: string[];

  @IsChoices(SEVERITIES, { optional: true, description: 'Any of these, joined by commas.' })
  severity?: string[];

  @IsChoice(RULE_NAMES, { optional: true }) rule?: string;

  @IsText({ max: 50, optional: true, description: 'Id of a key.' }) key?: string;
}

class AlertPage implements Page<AlertView> {
  @ApiProperty({ type: [AlertView] }) items: AlertView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('alerts')
@Controller('v1/registries/:registry/alerts')
export class ListAlertsRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly subjectKeys: SubjectKeys,
  ) {}

  @Get()
  @Requires('see')
  @Operation({ id: 'listAlerts', summary: 'The alerts of a registry, the newest first.', answer: AlertPage })
  list(
    @Param('registry', RegistryParameter) { id, slug }: RegistryRow,
    @Query() { limit, after, status, severity, rule, key }: AlertQuery,
  ): AlertPage {
    const list = `alerts ${id}`;
    const [last] = placeAfter(list, after, [WHOLE_NUMBER]) ?? [];
    const filter = { statuses: status, severities: severity, rule, key };
    const rows = listAlerts(this.readModels.database, id, filter, last, limit + 1);
    const { items, next } = pageOf(list, rows, limit, ({ position }) => [position.toString()]);
    return { items: items.map((row) => alertView(row, slug)), next };
  }

  @Get(':alert')
  @Requires('see')
  @Operation({
    id: 'getAlert',
    summary: 'One alert: what was seen, what is usual, and what one can do.',
    answer: AlertView,
  })
  async show(
    @Param('registry', RegistryParameter) { id: registry, slug }: RegistryRow,
    @Param('alert', AlertParameter) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AlertView> {
    const row = findAlert(this.readModels.database, registry, id);
    if (!row) throw missingAlert();
    showVersion(reply, row.revision);
    const view = alertView(row, slug);
    if (!view.acknowledged || !row.acknowledged) return view;
    const { note } = row.acknowledged;
    const opened = (note && (await this.subjectKeys.open(note))) ?? null;
    return { ...view, acknowledged: { ...view.acknowledged, note: opened } };
  }
}
