import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { missingKey, PERMISSIONS, shownStatus, type Permission } from '#libs/keys';
import { parseDuration } from '#libs/kernel';
import { now, Settings } from '#libs/platform';
import {
  findKey,
  keyReaches,
  keysWithName,
  lastUses,
  lineageOf,
  listKeys,
  MINUTE_MS,
  ReadModels,
  usageKeptFrom,
  usageTops,
  type KeyReach,
  type KeyRow,
  type MinuteRange,
  type RegistryRow,
  type TopRow,
} from '#libs/read-models';
import { Requires } from '../http/caller.js';
import { IsDurationText } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import {
  clientTally,
  ClientTallyView,
  placeTally,
  PlaceTallyView,
  repositoryTally,
  RepositoryTallyView,
} from './usage-view.js';

/** Names of a kind, and related keys, in one answer: more than an investigation reads. */
const NAMES_SHOWN = 500;
const SISTERS_SHOWN = 100;
const NEW_WITHIN_DEFAULT = 'P7D';

class BlastRadiusQuery {
  @IsDurationText({
    optional: true,
    description: 'A network counts as new when it was first seen so long ago at most; by default P7D.',
  })
  newWithin?: string;
}

class ReachView implements KeyReach {
  @ApiProperty({ format: 'date-time' }) from: string;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'null: it still holds.' })
  until: string | null;
  @ApiProperty({ description: 'As it was recorded.' }) status: string;
  @ApiProperty({ enum: PERMISSIONS }) permission: Permission;
  @ApiProperty({ type: [String], description: 'Empty: every repository of the registry.' })
  repositories: readonly string[];
  @ApiProperty({ type: [String], description: 'Empty: from every network.' }) networks: readonly string[];
}

class PulledSinceView {
  @ApiProperty({ description: 'Id of the key that pulled.' }) key: string;
  @ApiProperty({ type: [String], description: 'Repositories that the key in question pushed to.' })
  repositories: string[];
}

class SisterView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() status: string;
  @ApiProperty({
    type: [String],
    description:
      '`creator`: of the same user; `lineage`: rotated from or to; `network`: used from one that this key was used from.',
  })
  because: string[];
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) lastUsedAt: string | null;
}

class TouchedView {
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'null: the key was not used.',
  })
  first: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) last: string | null;
  @ApiProperty({ type: [RepositoryTallyView] }) repositories: RepositoryTallyView[];
  @ApiProperty({ type: [PlaceTallyView] }) networks: PlaceTallyView[];
  @ApiProperty({ type: [ClientTallyView] }) clients: ClientTallyView[];
}

class BlastRadiusView {
  @ApiProperty() key: string;
  @ApiProperty({ format: 'date-time', description: 'Usage of an earlier time is kept no more.' })
  usageSince: string;
  @ApiProperty({
    type: [ReachView],
    description: 'What the key could reach in its life; the last holds now.',
  })
  reach: KeyReach[];
  @ApiProperty({ type: TouchedView }) touched: TouchedView;
  @ApiProperty({ type: [PlaceTallyView], description: 'Networks of `touched` that are new.' })
  newNetworks: PlaceTallyView[];
  @ApiProperty({
    type: [PulledSinceView],
    description:
      'Keys that pulled, since the day of its first push, from repositories that this key pushed to.',
  })
  pulledSince: PulledSinceView[];
  @ApiProperty({ type: [SisterView], description: 'Keys that may be in the same hands.' })
  sisters: SisterView[];
}

@ApiTags('usage')
@Controller('v1/registries/:registry/keys/:key/blast-radius')
export class BlastRadiusRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
  ) {}

  @Get()
  @Requires('see')
  @Operation({
    summary:
      'For a key that leaked: what it could reach, what it touched, and which keys may be concerned too.',
    answer: BlastRadiusView,
  })
  show(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key') id: string,
    @Query() { newWithin = NEW_WITHIN_DEFAULT }: BlastRadiusQuery,
  ): BlastRadiusView {
    const { database } = this.readModels;
    const row = findKey(database, registry.id, id);
    if (!row) throw missingKey();
    const at = Date.now();
    const kept = usageKeptFrom(this.settings.usageKeptDays, at);
    const range = { from: Math.max(kept, Date.parse(row.createdAt) / MINUTE_MS), to: at / MINUTE_MS + 1 };
    const tops = (kind: 'repository' | 'place' | 'client') =>
      usageTops(database, id, kind, range, NAMES_SHOWN);
    const [repositories, places, clients] = [tops('repository'), tops('place'), tops('client')];
    const newSince = new Date(Math.max(0, at - parseDuration(newWithin)!)).toISOString();
    return {
      key: id,
      usageSince: new Date(range.from * MINUTE_MS).toISOString(),
      reach: keyReaches(database, registry.id, id),
      touched: {
        first: extreme(places, (one) => one.first, -1),
        last: extreme(places, (one) => one.last, 1),
        repositories: repositories.map(repositoryTally),
        networks: places.map(placeTally),
        clients: clients.map(clientTally),
      },
      newNetworks: places.filter(({ first }) => first >= newSince).map(placeTally),
      pulledSince: this.pulledSince(row, repositories, range),
      sisters: this.sisters(row, places, range, registry.id),
    };
  }

  private pulledSince(row: KeyRow, repositories: readonly TopRow[], range: MinuteRange): PulledSinceView[] {
    const pushed = repositories.filter(({ pushes, name }) => pushes > 0 && name !== '');
    if (pushed.length === 0) return [];
    const first = extreme(pushed, (one) => one.first, -1)!;
    const since = { ...range, from: Date.parse(first) / MINUTE_MS };
    const names = pushed.map(({ name }) => name);
    const asked = {
      registry: row.registry,
      except: row.id,
      kind: 'repository',
      names,
      counted: 'pulls',
    } as const;
    const found = keysWithName(this.readModels.database, asked, since);
    return [...found].map(([key, pulled]) => ({ key, repositories: pulled }));
  }

  private sisters(
    row: KeyRow,
    places: readonly TopRow[],
    range: MinuteRange,
    registry: string,
  ): SisterView[] {
    const { database } = this.readModels;
    const because = new Map<string, string[]>();
    const add = (id: string, reason: string): void => {
      because.set(id, [...new Set([...(because.get(id) ?? []), reason])]);
    };
    for (const { id } of lineageOf(database, row, SISTERS_SHOWN)) add(id, 'lineage');
    const siblings = { registry, now: now(), createdBy: row.createdBy, sort: '-createdAt' } as const;
    for (const { id } of listKeys(database, { ...siblings, limit: SISTERS_SHOWN })) add(id, 'creator');
    because.delete(row.id);
    const names = places.map(({ name }) => name).filter((name) => name !== '');
    const asked = { registry, except: row.id, kind: 'place', names, counted: 'last' } as const;
    for (const id of keysWithName(database, asked, range).keys()) add(id, 'network');
    const shown = [...because].slice(0, SISTERS_SHOWN);
    const last = lastUses(
      database,
      shown.map(([id]) => id),
    );
    return shown.flatMap(([id, reasons]) => {
      const sister = findKey(database, registry, id);
      if (!sister) return [];
      const status = shownStatus(sister, now());
      return [{ id, name: sister.name, status, because: reasons, lastUsedAt: last.get(id)?.at ?? null }];
    });
  }
}

/** The first (-1) or last (1) of times; null without any. */
function extreme(rows: readonly TopRow[], timeOf: (row: TopRow) => string, side: 1 | -1): string | null {
  const times = rows.map(timeOf).sort();
  return times.at(side === 1 ? -1 : 0) ?? null;
}
