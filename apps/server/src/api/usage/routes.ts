import { BlastRadiusRoute } from './blast-radius.js';
import { ListDenialsRoute } from './list-denials.js';
import { NotificationSecretRoute, SetNotificationSecretHandler } from './notification-secret.js';
import { SeenNotifications } from './seen-notifications.js';
import { ShowUsageRoute } from './show-usage.js';
import { TakeNotificationsRoute } from './take-notifications.js';

/** What the module takes from this slice. */
export const USAGE_ROUTES = [
  ShowUsageRoute, BlastRadiusRoute, ListDenialsRoute, NotificationSecretRoute, TakeNotificationsRoute,
]; // prettier-ignore

/** They need Settings, EventLog, ReadModels, Redis, Installation, Geography, UsageCounter and LiveLastUses. */
export const USAGE_PROVIDERS = [SetNotificationSecretHandler, SeenNotifications];
