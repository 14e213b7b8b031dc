import { randomUUID } from 'node:crypto';
import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { CommandContext } from '#libs/event-store';
import type { Principal, Right, Rights } from '#libs/identity';
import type { Actor } from '#libs/kernel';
import { OTHERS_RIGHT_EXTENSION, RIGHT_EXTENSION, type DeclaredRight } from './declared-right.js';

/** Who calls, as proven by a session or an access token. Holds no personal data. */
export interface Caller {
  /** The user, or the access token that acts for the user. */
  readonly actor: Actor;
  /** `usr_…` */
  readonly userId: string;
  /** What rights depend on: the user, and the scope of the access token. */
  readonly principal: Principal;
  /** Id of the session, `ses_…`; undefined with an access token. */
  readonly session: string | undefined;
  /** Whether users, registries and plans are the caller's to change: not with a token that is narrowed. */
  readonly administrator: boolean;
  /** What the caller may do in a registry (`reg_…`), as of now; empty = the caller does not see it. */
  readonly rights: (registry: string) => Rights;
  /** Ids of the registries that the caller sees, as of now; undefined = all. */
  readonly visibleRegistries: () => ReadonlySet<string> | undefined;
  /** Truncated source network (/24 or /48); undefined for a Unix socket. */
  readonly network: string | undefined;
  /** The id of this request: the correlation id of what it writes. */
  readonly requestId: string;
}

export const PUBLIC = 'dockreg:public';
export const OWN_ACCOUNT = 'dockreg:own-account';
export const REQUIRED_RIGHT = 'dockreg:required-right';
export const RIGHT_FOR_OTHERS = 'dockreg:right-for-keys-of-others';

/** Opens a route to callers without credentials. */
export const Public = () => declare('public', PUBLIC, true);

/** A route about the caller's own account, or about all that the caller sees: whoever is authenticated may use it. */
export const OwnAccount = () => declare('authenticated', OWN_ACCOUNT, true);

/**
 * The right that a route needs: in the registry that `:registry` names, or of the whole installation where the path names none
 * (only administrators have any there). A route that declares nothing needs `administer`.
 */
export const Requires = (right: Right) => declare(right, REQUIRED_RIGHT, right);

/**
 * The right that a route about the key `:key` needs when the caller generated the key, and the stronger one that it needs
 * for any other key (key-owner-guard.ts).
 */
export const RequiresOfKey = (own: 'own-keys' | 'audit-own', others: 'any-keys' | 'audit') =>
  applyDecorators(
    Requires(own),
    SetMetadata(RIGHT_FOR_OTHERS, others),
    ApiExtension(OTHERS_RIGHT_EXTENSION, others),
  );

/** For the guards, and for the OpenAPI document. */
function declare(right: DeclaredRight, name: string, value: unknown) {
  return applyDecorators(SetMetadata(name, value), ApiExtension(RIGHT_EXTENSION, right));
}

/** Owned by the caller guard, which sets it before the route runs; a public route has none. */
const callers = new WeakMap<FastifyRequest, Caller>();

/** Called by the guard alone. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request, caller);
}

/** For guards that run after it. Throws when it has set none. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (!caller) throw new Error('a route without a caller asks for one: is the caller guard registered?');
  return caller;
}

/** The authenticated caller; only on routes that are not `@Public()`. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  return callerOf(context.switchToHttp().getRequest<FastifyRequest>());
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
