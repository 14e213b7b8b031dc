import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { missingKey } from '#libs/keys';
import { Settings } from '#libs/platform';
import { findKey, ReadModels, type RegistryRow } from '#libs/read-models';
import { Requires } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { usageRange, UsageRangeQuery } from './usage-range.js';
import { UsageView, usageView } from './usage-view.js';

@ApiTags('usage')
@Controller('v1/registries/:registry')
export class ShowUsageRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
  ) {}

  @Get('usage')
  @Requires('see')
  @Operation({
    id: 'getRegistryUsage',
    problems: ['usage-not-kept'],
    summary: 'What all keys of a registry were used for, with what was refused.',
    answer: UsageView,
  })
  ofRegistry(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Query() query: UsageRangeQuery,
  ): UsageView {
    return this.usage(id, query);
  }

  @Get('keys/:key/usage')
  @Requires('see')
  @Operation({
    id: 'getKeyUsage',
    problems: ['usage-not-kept'],
    summary: 'What a key was used for.',
    answer: UsageView,
  })
  ofKey(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key') id: string,
    @Query() query: UsageRangeQuery,
  ): UsageView {
    if (!findKey(this.readModels.database, registry.id, id)) throw missingKey();
    return this.usage(id, query);
  }

  private usage(subject: string, query: UsageRangeQuery): UsageView {
    const asked = usageRange(query, this.settings.usageKeptDays, Date.now());
    return usageView(this.readModels.database, subject, asked);
  }
}
