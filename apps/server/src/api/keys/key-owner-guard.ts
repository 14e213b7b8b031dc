import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { EventLog } from '#libs/event-store';
import type { Right } from '#libs/identity';
import { isKeyId, Refusal } from '#libs/kernel';
import { belongs, keys } from '#libs/keys';
import { findKey, findRegistry, ReadModels } from '#libs/read-models';
import { callerOf, RIGHT_FOR_OTHERS } from '../http/caller.js';

/**
 * Lets whoever has rights only on keys that they generated through to those (`@RequiresOfKey`). Runs after the caller guard,
 * which has seen to the rest, and before anything looks at the body.
 */
@Injectable()
export class KeyOwnerGuard implements CanActivate {
  constructor(
    private readonly readModels: ReadModels,
    private readonly log: EventLog,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const others = this.reflector.get<Right | undefined>(RIGHT_FOR_OTHERS, context.getHandler());
    if (others === undefined) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { userId, rights } = callerOf(request);
    const { registry: slugOrId, key } = request.params as { registry: string; key: string };
    const registry = findRegistry(this.readModels.database, slugOrId)!.id;
    if (rights(registry).has(others)) return true;
    const createdBy = await this.creatorOf(registry, key);
    // A key that is not there is the route's to answer.
    if (createdBy !== undefined && createdBy !== userId) {
      throw new Refusal(
        'not-permitted',
        'your role in this registry does not include that for keys of others',
      );
    }
    return true;
  }

  /** From the log where the tables do not have the key yet: another node may have generated it just now. */
  private async creatorOf(registry: string, key: string): Promise<string | undefined> {
    const row = findKey(this.readModels.database, registry, key);
    if (row) return row.createdBy;
    if (!isKeyId(key)) return undefined;
    const { state } = await this.log.read(keys, key);
    return belongs(state, registry) ? state.generated.createdBy : undefined;
  }
}
