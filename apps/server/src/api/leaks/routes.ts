import { CheckLeaksRoute } from './check-leaks.js';
import { LeakPolicy } from './leak-policy.js';
import { LeakedKeys } from './leaked-keys.js';
import { ReportLeaksRoute } from './report-leaks.js';

/** What the module takes from this slice. */
export const LEAK_ROUTES = [ReportLeaksRoute, CheckLeaksRoute];

/** They need EventLog, ReadModels, CallThrottle, IdentityModel, SubjectKeys, Narrowed, ProveRevocation and ReportKeys. */
export const LEAK_PROVIDERS = [LeakPolicy, LeakedKeys];
