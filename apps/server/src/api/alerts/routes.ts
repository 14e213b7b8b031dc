import { AlertRulesRoute, ConfigureAlertsHandler } from './alert-rules.js';
import { AlertSettingsRoute } from './alert-settings.js';
import { ListAlertsRoute } from './list-alerts.js';
import { LookAfterAlertHandler, LookAfterAlertRoute } from './look-after-alert.js';
import { ReplayRuleRoute } from './replay-rule.js';

/** What the module takes from this slice. */
export const ALERT_ROUTES = [
  ListAlertsRoute, LookAfterAlertRoute, AlertRulesRoute, AlertSettingsRoute, ReplayRuleRoute,
]; // prettier-ignore

/** They need EventLog, ReadModels and SubjectKeys. */
export const ALERT_PROVIDERS = [LookAfterAlertHandler, ConfigureAlertsHandler];
