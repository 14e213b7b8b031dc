import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { Right } from '#libs/identity';
import { Refusal } from '#libs/kernel';
import { findRegistry, ReadModels } from '#libs/read-models';
import { OWN_ACCOUNT, PUBLIC, REQUIRED_RIGHT, setCaller, type Caller } from '../http/caller.js';
import { Authentication } from './authentication.js';

/** Lets a request through to its route when the caller is proven and has the right that the route declares. */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    private readonly authentication: Authentication,
    private readonly readModels: ReadModels,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const declared = (name: string): unknown =>
      this.reflector.getAllAndOverride(name, [context.getHandler(), context.getClass()]);
    if (declared(PUBLIC) === true) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = await this.authentication.callerOf(request);
    setCaller(request, caller);
    if (declared(OWN_ACCOUNT) !== true) {
      const { registry } = request.params as { registry?: string };
      const right = (declared(REQUIRED_RIGHT) as Right | undefined) ?? 'administer';
      if (registry === undefined) requireAdministrator(caller);
      else this.requireRight(caller, right, registry);
    }
    return true;
  }

  /** A registry that the caller does not see answers like a missing one. */
  private requireRight(caller: Caller, right: Right, slugOrId: string): void {
    const registry = findRegistry(this.readModels.database, slugOrId);
    const rights = registry && caller.rights(registry.id);
    if (!rights?.has('see')) throw new Refusal('not-found', 'there is no such registry');
    if (!rights.has(right))
      throw new Refusal('not-permitted', 'your role in this registry does not include that');
  }
}

function requireAdministrator({ administrator }: Caller): void {
  if (!administrator) throw new Refusal('not-permitted', 'only administrators may do that');
}
