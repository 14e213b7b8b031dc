import { AddChannelHandler, AddChannelRoute } from './add-channel.js';
import { ChangeChannelHandler, ChangeChannelRoute } from './change-channel.js';
import { ChannelViews } from './channel-views.js';
import { ListChannelsRoute } from './list-channels.js';
import { ListDeliveriesRoute } from './list-deliveries.js';
import { RemoveChannelHandler, RemoveChannelRoute } from './remove-channel.js';
import { RequestDeliveryHandler, RequestDeliveryRoute } from './request-delivery.js';
import { RotateChannelSecretHandler, RotateChannelSecretRoute } from './rotate-channel-secret.js';

/** What the module takes from this slice. */
export const CHANNEL_ROUTES = [
  ListChannelsRoute, AddChannelRoute, ChangeChannelRoute, RemoveChannelRoute, RotateChannelSecretRoute, ListDeliveriesRoute,
  RequestDeliveryRoute,
]; // prettier-ignore

/** They need Settings, EventLog, ReadModels, SubjectKeys, FirstAnswer and CallThrottle. */
export const CHANNEL_PROVIDERS = [
  ChannelViews, AddChannelHandler, ChangeChannelHandler, RemoveChannelHandler, RotateChannelSecretHandler,
  RequestDeliveryHandler,
]; // prettier-ignore
