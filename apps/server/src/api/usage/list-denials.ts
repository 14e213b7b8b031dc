import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { listDenials, ReadModels, type DenialRow, type RegistryRow } from '#libs/read-models';
import { denialText, USAGE_ACTIONS, type DenialReason, type UsageAction } from '#libs/usage';
import { Requires } from '../http/caller.js';
import { IsPattern } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, WHOLE_NUMBER, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';

const REASONS = [
  'malformed', 'not_a_key', 'unknown', 'wrong_secret', 'wrong_registry', 'revoked', 'expired', 'suspended',
  'network_refused', 'not_permitted',
] as const satisfies readonly DenialReason[]; // prettier-ignore

class DenialQueryParameters extends PageQuery {
  @IsPattern({
    pattern: /^drk_[0-9A-Za-z]{16}$/,
    max: 20,
    rule: 'be the id of a key',
    optional: true,
    description: 'Refusals of this key alone.',
  })
  key?: string;
}

class DenialView {
  @ApiProperty({ enum: REASONS }) reason: DenialReason;
  @ApiProperty({ description: 'What the gate says to a caller who proved the secret.' }) message: string;
  @ApiProperty({ description: 'What to do about it.' }) remedy: string;
  @ApiProperty({ description: 'Whether the caller had the secret: else anybody may have caused this.' })
  proven: boolean;
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Id of the key; null: none was named, or none of this registry.',
  })
  key: string | null;
  @ApiProperty({ enum: USAGE_ACTIONS }) action: UsageAction;
  @ApiProperty({ type: 'string', nullable: true, description: 'Of the newest, as the client calls it.' })
  repository: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: '/24 or /48.' }) network: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'ISO 3166-1 alpha-2.' }) country: string | null;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Number of the autonomous system.' })
  asn: number | null;
  @ApiProperty({ description: 'Program of the newest, such as `docker`.' }) client: string;
  @ApiProperty({ type: 'integer' }) count: number;
  @ApiProperty({ type: 'integer', description: 'Different key ids or secrets that were tried, at least.' })
  credentials: number;
  @ApiProperty({ format: 'date-time' }) first: string;
  @ApiProperty({ format: 'date-time' }) last: string;
}

class DenialPage implements Page<DenialView> {
  @ApiProperty({ type: [DenialView] }) items: DenialView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('usage')
@Controller('v1/registries/:registry/denials')
export class ListDenialsRoute {
  constructor(private readonly readModels: ReadModels) {}

  @Get()
  @Requires('see')
  @Operation({
    summary: 'What the gate refused: alike refusals of one hour as one, those that began last first.',
    answer: DenialPage,
  })
  list(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Query() { limit, after, key }: DenialQueryParameters,
  ): DenialPage {
    const list = `denials ${registry}`;
    const [born] = placeAfter(list, after, [WHOLE_NUMBER]) ?? [];
    const rows = listDenials(this.readModels.database, {
      registry,
      ...(key !== undefined && { key }),
      ...(born !== undefined && { before: BigInt(born) }),
      limit: limit + 1,
    });
    const { items, next } = pageOf(list, rows, limit, (row) => [row.born.toString()]);
    return { items: items.map(view), next };
  }
}

function view(row: DenialRow): DenialView {
  const { reason, proven, key, action, repository, network, country, asn, client } = row;
  const { count, credentials, first, last } = row;
  const place = { network, country, asn };
  const times = { count, credentials, first, last };
  return { reason, ...denialText(row), proven, key, action, repository, ...place, client, ...times };
}
