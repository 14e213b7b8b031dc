import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { ALERT_PROVIDERS, ALERT_ROUTES } from './api/alerts/routes.js';
import { VerifierKeyRoute } from './api/audit/verifier-key.js';
import { CHANNEL_PROVIDERS, CHANNEL_ROUTES } from './api/channels/routes.js';
import { ChangeFeed } from './api/changes/change-feed.js';
import { ListChangesRoute } from './api/changes/list-changes.js';
import { RecentChanges } from './api/changes/recent-changes.js';
import { StreamChangesRoute } from './api/changes/stream-changes.js';
import { CallThrottle } from './api/http/call-throttle.js';
import { FirstAnswer } from './api/http/first-answer.js';
import { KnownUser } from './api/http/known-user.js';
import { MinPositionGuard } from './api/http/min-position.js';
import { Narrowed } from './api/http/narrowed.js';
import { People } from './api/http/people.js';
import { ProblemPages } from './api/http/problem-pages.js';
import { ReadyGuard } from './api/http/ready-guard.js';
import { Widened } from './api/http/widened.js';
import { CallerGuard } from './api/identity/caller-guard.js';
import { IDENTITY_PROVIDERS, IDENTITY_ROUTES } from './api/identity/routes.js';
import { ChangeKeyHandler, ChangeKeyRoute } from './api/keys/change-key.js';
import { GenerateKeyHandler, GenerateKeyRoute } from './api/keys/generate-key.js';
import { HandoverRoute } from './api/keys/handover.js';
import { KeyEventsRoute } from './api/keys/key-events.js';
import { KeyOwnerGuard } from './api/keys/key-owner-guard.js';
import { KeyViews } from './api/keys/key-views.js';
import { ListKeysRoute } from './api/keys/list-keys.js';
import { ProveRevocation } from './membership/prove-revocation.js';
import { Receipts } from './api/keys/receipts.js';
import { ResumeKeyHandler, ResumeKeyRoute } from './api/keys/resume-key.js';
import { RevokeKeysHandler, RevokeKeysRoute } from './api/keys/revoke-keys.js';
import { RevokeKeyHandler, RevokeKeyRoute } from './api/keys/revoke-key.js';
import { ListedKeys } from './api/keys/listed-keys.js';
import { RevocationReasons } from './api/keys/revocation-reasons.js';
import { RotateKeyHandler, RotateKeyRoute } from './api/keys/rotate-key.js';
import {
  RotationScheduleRoute,
  ScheduleRotationHandler,
  UnscheduleRotationHandler,
} from './api/keys/rotation-schedule.js';
import { SnoozeRemindersHandler, SnoozeRemindersRoute } from './api/keys/snooze-reminders.js';
import { SuspendKeyHandler, SuspendKeyRoute } from './api/keys/suspend-key.js';
import { AddMemberHandler, AddMemberRoute } from './api/members/add-member.js';
import { ChangeMemberHandler, ChangeMemberRoute } from './api/members/change-member.js';
import { LEAK_PROVIDERS, LEAK_ROUTES } from './api/leaks/routes.js';
import { ListMembersRoute } from './api/members/list-members.js';
import { MemberViews } from './api/members/member-view.js';
import { RemoveMemberHandler, RemoveMemberRoute } from './api/members/remove-member.js';
import { AddHostHandler, AddHostRoute } from './api/registries/add-host.js';
import { ChangePlanHandler, ChangePlanRoute } from './api/registries/change-plan.js';
import { ChangeRegistryHandler, ChangeRegistryRoute } from './api/registries/change-registry.js';
import { CreateRegistryHandler, CreateRegistryRoute } from './api/registries/create-registry.js';
import { HostProof } from './api/registries/host-proof.js';
import { ListRegistriesRoute } from './api/registries/list-registries.js';
import { OwnUpstream } from './api/registries/own-upstream.js';
import { ChangePolicyHandler, RegistryPolicyRoute } from './api/registries/registry-policy.js';
import { RemoveHostHandler, RemoveHostRoute } from './api/registries/remove-host.js';
import { ReserveNames } from './api/registries/reserve-names.js';
import { USAGE_PROVIDERS, USAGE_ROUTES } from './api/usage/routes.js';

const REGISTRIES = [ReserveNames, HostProof, OwnUpstream];
const COMMAND_HANDLERS = [
  CreateRegistryHandler, ChangeRegistryHandler, AddHostHandler, RemoveHostHandler, ChangePolicyHandler, ChangePlanHandler,
  AddMemberHandler, ChangeMemberHandler, RemoveMemberHandler,
  GenerateKeyHandler, ChangeKeyHandler, SuspendKeyHandler, ResumeKeyHandler, RevokeKeyHandler, RevokeKeysHandler,
  RotateKeyHandler, SnoozeRemindersHandler, ScheduleRotationHandler, UnscheduleRotationHandler,
]; // prettier-ignore

/** The management API. What it stands on is started before it (start-server.ts) and comes in as values. */
@Module({})
export class ServerModule {
  static on(parts: readonly Provider[]): DynamicModule {
    return {
      module: ServerModule,
      imports: [CqrsModule.forRoot()],
      controllers: [
        ...IDENTITY_ROUTES,
        ...CHANNEL_ROUTES,
        ...LEAK_ROUTES,
        ...ALERT_ROUTES,
        ...USAGE_ROUTES,
        CreateRegistryRoute, ListRegistriesRoute, ChangeRegistryRoute, AddHostRoute, RemoveHostRoute, RegistryPolicyRoute, ChangePlanRoute,
        ListMembersRoute, AddMemberRoute, ChangeMemberRoute, RemoveMemberRoute,
        GenerateKeyRoute, ListKeysRoute, ChangeKeyRoute, SuspendKeyRoute, ResumeKeyRoute, RevokeKeysRoute, RevokeKeyRoute, KeyEventsRoute,
        RotateKeyRoute, HandoverRoute, SnoozeRemindersRoute, RotationScheduleRoute,
        VerifierKeyRoute, ProblemPages, ListChangesRoute, StreamChangesRoute,
      ], // prettier-ignore
      providers: [
        ...parts,
        ...IDENTITY_PROVIDERS,
        ...CHANNEL_PROVIDERS,
        ...LEAK_PROVIDERS,
        ...ALERT_PROVIDERS,
        ...USAGE_PROVIDERS,
        ...COMMAND_HANDLERS,
        ...REGISTRIES,
        KnownUser,
        MemberViews,
        People,
        Narrowed,
        Widened,
        ProveRevocation,
        Receipts,
        FirstAnswer,
        CallThrottle,
        KeyViews,
        RecentChanges,
        ChangeFeed,
        RevocationReasons,
        ListedKeys,
        { provide: APP_GUARD, useClass: ReadyGuard },
        { provide: APP_GUARD, useClass: MinPositionGuard },
        { provide: APP_GUARD, useClass: CallerGuard },
        { provide: APP_GUARD, useClass: KeyOwnerGuard },
      ],
    };
  }
}
