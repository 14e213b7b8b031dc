import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Settings } from '#libs/platform';
import { listRegistries, ReadModels, type RegistryRow } from '#libs/read-models';
import { CurrentCaller, OwnAccount, Requires, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, TEXT, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { RegistryView, registryView } from './registry-view.js';

class RegistryPage implements Page<RegistryView> {
  @ApiProperty({ type: [RegistryView] }) items: RegistryView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('registries')
@Controller('v1/registries')
export class ListRegistriesRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly settings: Settings,
  ) {}

  @Get()
  @OwnAccount()
  @Operation({
    id: 'listRegistries',
    summary: 'The registries that the caller may see, by slug.',
    answer: RegistryPage,
  })
  list(@Query() { limit, after }: PageQuery, @CurrentCaller() caller: Caller): RegistryPage {
    const [slug] = placeAfter('registries', after, [TEXT]) ?? [];
    const rows = listRegistries(this.readModels.database, slug, limit + 1, caller.visibleRegistries());
    const { items, next } = pageOf('registries', rows, limit, (row) => [row.slug]);
    return { items: items.map((row) => registryView(row, this.settings.registryDomain)), next };
  }

  @Get(':registry')
  @Requires('see')
  @Operation({ id: 'getRegistry', summary: 'One registry, by slug or id.', answer: RegistryView })
  show(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): RegistryView {
    showVersion(reply, registry.shownRevision);
    return registryView(registry, this.settings.registryDomain);
  }
}
