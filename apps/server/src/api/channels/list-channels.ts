import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { findChannel, listChannels, ReadModels, type RegistryRow } from '#libs/read-models';
import { missingChannel } from '#libs/registries';
import { Requires } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, WHOLE_NUMBER, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { ChannelParameter } from './channel-parameter.js';
import { ChannelView, ChannelViews } from './channel-views.js';

class ChannelPage implements Page<ChannelView> {
  @ApiProperty({ type: [ChannelView] }) items: ChannelView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels')
export class ListChannelsRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly views: ChannelViews,
  ) {}

  @Get()
  @Requires('configure')
  @Operation({
    id: 'listChannels',
    summary: 'The channels of a registry, the oldest first.',
    answer: ChannelPage,
  })
  async list(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Query() { limit, after }: PageQuery,
  ): Promise<ChannelPage> {
    const list = `channels ${id}`;
    const [last] = placeAfter(list, after, [WHOLE_NUMBER]) ?? [];
    const rows = listChannels(this.readModels.database, id, last, limit + 1);
    const { items, next } = pageOf(list, rows, limit, ({ since }) => [since.toString()]);
    return { items: await Promise.all(items.map((row) => this.views.of(row, row.createdAt))), next };
  }

  @Get(':channel')
  @Requires('configure')
  @Operation({ id: 'getChannel', summary: 'One channel.', answer: ChannelView })
  show(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('channel', ChannelParameter) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChannelView> {
    const row = findChannel(this.readModels.database, id, registry);
    if (!row) throw missingChannel();
    showVersion(reply, row.revision);
    return this.views.of(row, row.createdAt);
  }
}
