import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiProperty, ApiTags, IntersectionType, PickType } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { missingKey, PERMISSIONS } from '#libs/keys';
import { now } from '#libs/platform';
import {
  findKey,
  findKeyAt,
  foldName,
  ReadModels,
  type KeyRow,
  type KeySort,
  type RegistryRow,
} from '#libs/read-models';
import { IsChoice, IsChoices, IsPattern, IsText, IsTimestamp, NotTogetherWith } from '../http/fields.js';
import { CurrentCaller, Requires, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, TEXT, WHOLE_NUMBER, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { AsOfQuery, momentOf, requireOwn } from './as-of.js';
import { KeyParameter } from './key-parameter.js';
import { parseTimestamp } from '../http/timestamps.js';
import { ListedKeys } from './listed-keys.js';
import { KeyView, STATUSES } from './key-view.js';
import { KeyViews } from './key-views.js';
import { RevocationReasons } from './revocation-reasons.js';

const SORTS = ['createdAt', '-createdAt', 'name', '-name'] as const satisfies readonly KeySort[];

export class KeyQueryParameters extends IntersectionType(PageQuery, AsOfQuery) {
  @IsChoices(STATUSES, { optional: true, description: 'One or more, joined by commas.' })
  status?: (typeof STATUSES)[number][];

  @IsChoices(PERMISSIONS, { optional: true, description: 'One or more, joined by commas.' })
  permission?: string[];

  @IsText({ max: 200, optional: true, description: 'Part of the name, in any case.' })
  q?: string;

  @IsPattern({
    pattern: /^[^:]{1,63}(:.{0,200})?$/u,
    max: 264,
    rule: 'be a label as `name` or `name:value`',
    optional: true,
  })
  label?: string;

  @IsPattern({
    pattern: /^usr_[0-9A-Za-z]{16}$/,
    max: 20,
    rule: 'be the id of a user',
    optional: true,
  })
  createdBy?: string;

  @IsTimestamp({ optional: true })
  expiresBefore?: string;

  @IsChoice(SORTS, {
    optional: true,
    description: 'Oldest first is `createdAt`; the default is newest first.',
  })
  sort?: KeySort;

  @IsTimestamp({
    optional: true,
    description:
      'Keys that were generated before this moment and have not been used since. 422 `usage-not-kept` where uses since then are no longer kept (`USAGE_KEPT_DAYS`). Not with `asOf`.',
  })
  @NotTogetherWith('asOf')
  unusedSince?: string;
}

/** The parameters that choose keys. */
export class KeyFilter extends PickType(KeyQueryParameters, [
  'status',
  'permission',
  'q',
  'label',
  'createdBy',
  'expiresBefore',
  'unusedSince',
]) {}

class KeyPage implements Page<KeyView> {
  @ApiProperty({ type: [KeyView] }) items: KeyView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys')
export class ListKeysRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly views: KeyViews,
    private readonly reasons: RevocationReasons,
    private readonly listed: ListedKeys,
  ) {}

  @Get()
  @Requires('see')
  @Operation({
    id: 'listKeys',
    problems: ['as-of-in-future', 'usage-not-kept'],
    summary: 'The keys of a registry, revoked and expired ones too.',
    answer: KeyPage,
  })
  async list(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Query() query: KeyQueryParameters,
    @CurrentCaller() caller: Caller,
  ): Promise<KeyPage> {
    const moment = momentOf(query, registry.id, caller);
    const at = moment?.at ?? now();
    const { sort = '-createdAt', createdBy = moment?.only } = query;
    const list = moment ? `keys ${registry.id} ${sort} ${at}` : `keys ${registry.id} ${sort}`;
    if (moment?.only !== undefined && moment.only !== createdBy) return { items: [], next: null };
    const asked = {
      ...filtersOf({ ...query, ...(createdBy !== undefined && { createdBy }) }),
      registry: registry.id,
      now: at,
      asOf: moment !== undefined,
      sort,
      ...place(list, query.after),
      limit: query.limit + 1,
    };
    const rows = this.listed.rows(asked, { parameter: 'unusedSince' });
    const { items, next } = pageOf(list, rows, query.limit, (row) => [
      foldName(row.name),
      row.born.toString(),
    ]);
    const views = items.map((row: KeyRow) => this.views.ofRow(row, registry, at));
    return { items: moment ? views : await this.views.withLastUses(registry, views), next };
  }

  @Get(':key')
  @Requires('see')
  @Operation({ id: 'getKey', problems: ['as-of-in-future'], summary: 'One key.', answer: KeyView })
  async show(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Query() query: AsOfQuery,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    const moment = momentOf(query, registry.id, caller);
    const row = findKey(this.readModels.database, registry.id, id);
    if (!row) throw missingKey();
    if (moment) {
      requireOwn(moment, row.createdBy);
      const then = findKeyAt(this.readModels.database, registry.id, id, moment.at);
      if (!then) throw missingKey();
      return this.withReason(then, this.views.ofRow(then, registry, moment.at), caller);
    }
    const [view] = await this.views.withLastUses(registry, [this.views.ofRow(row, registry)]);
    // A key whose time is over is shown as expired before that is recorded, and so before it has another version.
    if (view!.status === row.status) showVersion(reply, row.revision);
    return this.withReason(row, view!, caller);
  }

  private async withReason(row: KeyRow, view: KeyView, caller: Caller): Promise<KeyView> {
    if (!row.revocation || !mayReadHistory(caller, row)) return view;
    return { ...view, revocation: await this.reasons.view(row.revocation) };
  }
}

/** The reason of a revocation is part of the key's history. */
function mayReadHistory({ userId, rights }: Caller, { registry, createdBy }: KeyRow): boolean {
  const own = rights(registry);
  return own.has('audit') || (createdBy === userId && own.has('audit-own'));
}

/** What the query asks for, as the tables take it. */
export function filtersOf(filter: KeyFilter) {
  const { status, permission, q, label, createdBy, expiresBefore, unusedSince } = filter;
  const [labelName, labelValue = ''] = label?.split(/:(.*)/su) ?? [];
  return {
    ...(status ? { status } : {}),
    ...(permission ? { permission } : {}),
    ...(q ? { nameContains: q } : {}),
    ...(labelName ? { labels: { [labelName]: labelValue } } : {}),
    ...(createdBy ? { createdBy } : {}),
    ...(expiresBefore ? { expiresBefore: timeOf(expiresBefore) } : {}),
    ...(unusedSince ? { unusedSince: timeOf(unusedSince) } : {}),
  };
}

function timeOf(text: string): string {
  return new Date(parseTimestamp(text)!).toISOString();
}

function place(list: string, after: string | undefined) {
  const [name, born] = placeAfter(list, after, [TEXT, WHOLE_NUMBER]) ?? [];
  return name === undefined || born === undefined ? {} : { after: { name, born } };
}
