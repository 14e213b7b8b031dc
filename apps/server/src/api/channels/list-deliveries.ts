import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { findChannel, listDeliveries, ReadModels, type RegistryRow } from '#libs/read-models';
import { missingChannel } from '#libs/registries';
import { Requires } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, WHOLE_NUMBER, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { ChannelParameter } from './channel-parameter.js';
import { DELIVERY_ID, deliveryView, DeliveryView } from './delivery-view.js';

class DeliveryPage implements Page<DeliveryView> {
  @ApiProperty({ type: [DeliveryView] }) items: DeliveryView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('channels')
@Controller('v1/registries/:registry/channels/:channel/deliveries')
export class ListDeliveriesRoute {
  constructor(private readonly readModels: ReadModels) {}

  @Get()
  @Requires('configure')
  @Operation({
    summary: 'What was or is to be delivered to a channel, the newest first: at least the last 1,000.',
    answer: DeliveryPage,
  })
  list(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('channel', ChannelParameter) channel: string,
    @Query() { limit, after }: PageQuery,
  ): DeliveryPage {
    const { database } = this.readModels;
    if (!findChannel(database, channel, registry.id)) throw missingChannel();
    const list = `deliveries ${channel}`;
    const [position, id] = placeAfter(list, after, [WHOLE_NUMBER, DELIVERY_ID]) ?? [];
    const place = position === undefined || id === undefined ? undefined : { position, id };
    const rows = listDeliveries(database, channel, place, limit + 1);
    const { items, next } = pageOf(list, rows, limit, (row) => [row.position.toString(), row.id]);
    return { items: items.map(deliveryView), next };
  }
}
