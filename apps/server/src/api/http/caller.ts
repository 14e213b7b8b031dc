import { randomUUID } from 'node:crypto';
import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { CommandContext } from '#libs/event-store';
import type { Actor } from '#libs/kernel';

/** Who calls, as proven by a session or an access token. */
export interface Caller {
  /** The user, or the access token that acts for the user. */
  readonly actor: Actor;
  /** `usr_…` */
  readonly userId: string;
  /** For display only: it never goes into an event or a log. */
  readonly email: string;
  readonly administrator: boolean;
  /** Truncated source network (/24 or /48); undefined for a Unix socket. */
  readonly network: string | undefined;
  /** The id of this request: the correlation id of what it writes. */
  readonly requestId: string;
}

export const PUBLIC = 'dockreg:public';

/** Opens a route to callers without credentials. */
export const Public = () => SetMetadata(PUBLIC, true);

/** Owned by the caller guard, which sets it before the route runs; a public route has none. */
const callers = new WeakMap<FastifyRequest, Caller>();

/** Called by the guard alone. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request, caller);
}

/** The authenticated caller; only on routes that are not `@Public()`. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = callers.get(context.switchToHttp().getRequest<FastifyRequest>());
  if (!caller) throw new Error('a route without a caller asks for one: is the caller guard registered?');
  return caller;
});

/**
 * What the event log wants to know about a command of this call. `commandId` is a UUID; give it where a retry of the
 * call must be the same command (`Idempotency-Key`), else a new one is minted.
 */
export function commandContext(caller: Caller, commandId: string = randomUUID()): CommandContext {
  const { actor, requestId, network } = caller;
  const context = { commandId, actor, correlationId: requestId };
  return network === undefined ? context : { ...context, network };
}
