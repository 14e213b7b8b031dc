import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { catalogue } from '#libs/catalogue';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { EventLog, type CommandContext } from '#libs/event-store';
import { ALL_RIGHTS } from '#libs/identity';
import { readSettings, Settings } from '#libs/platform';
import { keyTable, ReadModels, registryTable } from '#libs/read-models';
import { temporaryDirectory } from '../../../../../../test/support/temporary-directory.js';
import { Installation } from '../../../installation.js';
import { setCaller } from '../../http/caller.js';
import { EdgeApp, type Answer } from '../../http/edge-app.js';
import { Membership } from '../../../membership/membership.js';
import { answeringMembership } from '../../../membership/testing/answering-membership.js';
import { FirstAnswer } from '../../http/first-answer.js';
import { KnownUser } from '../../http/known-user.js';
import { Narrowed } from '../../http/narrowed.js';
import { Widened } from '../../http/widened.js';
import { AddHostHandler, AddHostRoute } from '../add-host.js';
import { ChangeRegistryHandler, ChangeRegistryRoute } from '../change-registry.js';
import { CreateRegistryHandler, CreateRegistryRoute } from '../create-registry.js';
import { HostProof } from '../host-proof.js';
import { OwnUpstream } from '../own-upstream.js';
import { ChangePolicyHandler, RegistryPolicyRoute } from '../registry-policy.js';
import { RemoveHostHandler, RemoveHostRoute } from '../remove-host.js';
import { ReserveNames } from '../reserve-names.js';

/** Callers are told apart by this header alone. */
const ADMINISTRATOR = 'x-administrator';

class CallerByHeader implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    setCaller(request, {
      actor: { type: 'user', id: 'usr_a' },
      userId: 'usr_a',
      principal: { user: 'usr_a', token: undefined },
      session: undefined,
      administrator: request.headers[ADMINISTRATOR] === 'yes',
      rights: () => ALL_RIGHTS,
      visibleRegistries: () => undefined,
      network: undefined,
      requestId: request.id,
    });
    return true;
  }
}

export function commandOf(id: string): CommandContext {
  return { commandId: randomUUID(), actor: { type: 'user', id }, correlationId: 'test' };
}

/** For specs only: the routes of registries over HTTP, on a log and read models of their own. Callers may be administrators or not. */
export class RegistriesApp {
  private constructor(
    private readonly directory: ReturnType<typeof temporaryDirectory>,
    private readonly store: EmbeddedStore,
    readonly log: EventLog,
    readonly readModels: ReadModels,
    readonly settings: Settings,
    readonly proof: HostProof,
    private readonly edge: EdgeApp,
  ) {}

  static async start(environment: Record<string, string>): Promise<RegistriesApp> {
    const directory = temporaryDirectory();
    const store = await startEmbeddedStore({ directory: join(directory.path, 'events') });
    const log = new EventLog(store.connectionString, catalogue);
    const readModels = await ReadModels.open({
      file: join(directory.path, 'models.sqlite'),
      logId: 'log',
      log,
      projections: [registryTable, keyTable],
      load: () => undefined,
      onEvents: () => undefined,
      onFailure: (error) => {
        throw error;
      },
    });
    await readModels.follow();
    const settings = readSettings(environment);
    const installation = new Installation('log-of-the-test');
    const proof = new HostProof(settings, installation);
    const edge = await EdgeApp.start({
      imports: [CqrsModule.forRoot()],
      controllers: [
        CreateRegistryRoute, ChangeRegistryRoute, AddHostRoute, RemoveHostRoute, RegistryPolicyRoute,
      ],
      providers: [
        CreateRegistryHandler, ChangeRegistryHandler, AddHostHandler, RemoveHostHandler, ChangePolicyHandler,
        ReserveNames, OwnUpstream, FirstAnswer, KnownUser, Narrowed, Widened,
        { provide: Installation, useValue: installation },
        { provide: Membership, useValue: answeringMembership() },
        { provide: HostProof, useValue: proof },
        { provide: EventLog, useValue: log },
        { provide: ReadModels, useValue: readModels },
        { provide: Settings, useValue: settings },
        { provide: APP_GUARD, useClass: CallerByHeader },
      ],
    }); // prettier-ignore
    return new RegistriesApp(directory, store, log, readModels, settings, proof, edge);
  }

  /** Creates a registry; its id. */
  async create(slug: string, more: object = {}): Promise<string> {
    const answer = await this.asAdministrator('POST', '/v1/registries', { slug, name: slug, ...more });
    if (answer.status !== 201) throw new Error(answer.text);
    return (JSON.parse(answer.text) as { id: string }).id;
  }

  asAdministrator(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.edge.call(method, path, { [ADMINISTRATOR]: 'yes' }, body);
  }

  asOwner(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.edge.call(method, path, {}, body);
  }

  async close(): Promise<void> {
    await this.edge.close();
    this.readModels.close();
    await this.log.close();
    await this.store.close();
    this.directory.remove();
  }
}
