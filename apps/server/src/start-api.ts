import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { EventLog } from '#libs/event-store';
import { Geography } from '#libs/geography';
import { IdentityModel } from '#libs/identity';
import { ErasedUsers, erasedUsersFile, SubjectKeys } from '#libs/personal-data';
import { AuditKey, LOG, now, readAuditKey, Settings } from '#libs/platform';
import { ReadModels } from '#libs/read-models';
import { Redis } from '#libs/redis';
import { UsageCounter } from '#libs/usage';
import { apiAdapter, configureApi } from './api/http/configure-api.js';
import { BootstrapAdministrator } from './api/identity/bootstrap-administrator.js';
import { completeErasures } from './api/identity/complete-erasures.js';
import { openMasterKey, provingMasterKey } from './api/identity/open-master-key.js';
import { Users } from './api/identity/users.js';
import { ReportKeys } from './api/leaks/report-keys.js';
import { GateAddress } from './gate-address.js';
import { Installation } from './installation.js';
import { Membership } from './membership/membership.js';
import { ServerModule } from './server.module.js';
import type { Core } from './start-core.js';
import { LiveLastUses } from './usage/live-last-uses.js';
import type { Usage } from './usage/start-usage.js';

/** Requests under way may go on for so long when the process ends: a revocation waits about 3 s for a gate that is silent. */
const DRAIN_MS = 3_500;

export interface StartedApi {
  readonly url: string;
  readonly gateAddress: GateAddress;
  /** Makes sure of the first administrator; call it before this process is a member. */
  readonly prepare: () => Promise<void>;
  /** What an earlier process left half done; never fails. */
  readonly complete: () => Promise<void>;
  /** The random password of a first start on a terminal, once `prepare` has resolved: to be shown once. */
  readonly firstPassword: () => string | undefined;
}

/** Starts the management API of this process. */
export async function startApiRole(
  core: Core,
  usage: Usage,
  { isTerminal }: { isTerminal: boolean },
): Promise<StartedApi> {
  const { settings, installation, eventLog, closers, log } = core;
  const feed = core.identity!;
  const subjectKeys = new SubjectKeys(eventLog, await openMasterKey(settings, eventLog, log), now);
  const erasedUsers = new ErasedUsers(erasedUsersFile(settings.dataDir));
  feed.whenErased((user) => {
    subjectKeys.forget(user);
    keepErased(user, erasedUsers, log);
  });
  const users = new Users(feed.model, subjectKeys);
  const gateAddress = new GateAddress(settings.gatePort);
  const parts = [
    value(Settings, settings), value(Installation, installation), value(EventLog, core.eventLog),
    value(ReadModels, core.readModels), value(Membership, core.membership), value(Redis, core.backends.redis),
    value(GateAddress, gateAddress), value(AuditKey, readAuditKey(settings)), value(IdentityModel, feed.model),
    value(SubjectKeys, subjectKeys), value(Users, users), value(ReportKeys, new ReportKeys(settings)),
    value(UsageCounter, usage.counter), value(Geography, usage.geography), value(LiveLastUses, usage.lastUses),
    { provide: LOG, useValue: log },
  ]; // prettier-ignore
  const options = { bodyParser: false, logger: false, abortOnError: false } as const;
  const adapter = apiAdapter({ trustedProxies: settings.trustedProxies });
  const app = await NestFactory.create<NestFastifyApplication>(ServerModule.on(parts), adapter, options);
  await configureApi(app, log);
  core.operations(app.getHttpAdapter().getInstance());
  await app.listen(settings.apiPort, settings.apiHost);
  closers.add('management API', () => app.close(), DRAIN_MS);
  const bootstrap = new BootstrapAdministrator({ settings, eventLog, installation, users, log, isTerminal });
  let firstPassword: string | undefined;
  return {
    url: await app.getUrl(),
    gateAddress,
    prepare: async () => void (firstPassword = await provingMasterKey(() => bootstrap.run())),
    complete: () => erase(feed.model, subjectKeys, core),
    firstPassword: () => firstPassword,
  };
}

/** The list is for a restore; whatever keeps it from being written, the user is erased, and the next start writes what it lacks. */
function keepErased(user: string, erasedUsers: ErasedUsers, log: Core['log']): void {
  try {
    erasedUsers.keep(user);
  } catch (error) {
    log.warn({ user, error: String(error) }, 'the list of erased users was not written');
  }
}

async function erase(model: IdentityModel, subjectKeys: SubjectKeys, { eventLog, log }: Core): Promise<void> {
  try {
    const completed = await completeErasures(model, subjectKeys, eventLog);
    if (completed > 0) log.info({ users: completed }, 'the erasure of users was completed');
  } catch (error) {
    log.warn({ error: String(error) }, 'the erasure of users is not completed; the next start goes on');
  }
}

/** A started part, injected by its class (whose constructor may be private). */
function value(provide: { readonly prototype: object }, useValue: unknown) {
  return { provide: provide as Type, useValue };
}
