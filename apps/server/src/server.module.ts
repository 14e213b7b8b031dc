import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { ProblemPages } from './api/http/problem-pages.js';
import { ReadyGuard } from './api/http/ready-guard.js';
import { CallerGuard } from './api/identity/caller-guard.js';
import { Sessions } from './api/identity/sessions.js';
import { SignIn, SignInRoute } from './api/identity/sign-in.js';
import { SignInThrottle } from './api/identity/sign-in-throttle.js';
import { SignOutRoute } from './api/identity/sign-out.js';
import { WhoAmIRoute } from './api/identity/who-am-i.js';
import { FirstAnswer } from './api/keys/first-answer.js';
import { GenerateKeyHandler, GenerateKeyRoute } from './api/keys/generate-key.js';
import { KeyEventsRoute } from './api/keys/key-events.js';
import { KeyViews } from './api/keys/key-views.js';
import { ListKeysRoute } from './api/keys/list-keys.js';
import { RevokeKeyHandler, RevokeKeyRoute } from './api/keys/revoke-key.js';
import { CreateRegistryHandler, CreateRegistryRoute } from './api/registries/create-registry.js';
import { ListRegistriesRoute } from './api/registries/list-registries.js';
import { ReserveNames } from './api/registries/reserve-names.js';

const IDENTITY = [SignIn, SignInThrottle, Sessions];
const COMMAND_HANDLERS = [CreateRegistryHandler, GenerateKeyHandler, RevokeKeyHandler];

/** The management API. What it stands on is started before it (start-server.ts) and comes in as values. */
@Module({})
export class ServerModule {
  static on(parts: readonly Provider[]): DynamicModule {
    return {
      module: ServerModule,
      imports: [CqrsModule.forRoot()],
      controllers: [
        SignInRoute, SignOutRoute, WhoAmIRoute,
        CreateRegistryRoute, ListRegistriesRoute,
        GenerateKeyRoute, ListKeysRoute, RevokeKeyRoute, KeyEventsRoute,
        ProblemPages,
      ], // prettier-ignore
      providers: [
        ...parts,
        ...IDENTITY,
        ...COMMAND_HANDLERS,
        ReserveNames,
        FirstAnswer,
        KeyViews,
        { provide: APP_GUARD, useClass: ReadyGuard },
        { provide: APP_GUARD, useClass: CallerGuard },
      ],
    };
  }
}
