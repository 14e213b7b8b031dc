import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EventLog, type CommandContext, type Transacted } from '#libs/event-store';
import { IdentityModel, revokeToken, users } from '#libs/identity';
import { hashSecret, withoutKeys, type ParsedKey } from '#libs/kernel';
import { keys, reportLeak, type ExistingKey, type KeyFact, type KeyState } from '#libs/keys';
import { SubjectKeys } from '#libs/personal-data';
import { mintUuid, now } from '#libs/platform';
import { findRegistry, ownersOf, ReadModels } from '#libs/read-models';
import type { LeakAction } from '#libs/registries';
import { ProveRevocation } from '../../membership/prove-revocation.js';
import { Narrowed } from '../http/narrowed.js';
import { LeakPolicy } from './leak-policy.js';

/** Where a key was found. */
export interface LeakPlace {
  readonly source: string;
  /** null: not told. */
  readonly url: string | null;
}

/** What is done about a key that was found where it should not be. */
@Injectable()
export class LeakedKeys {
  constructor(
    private readonly log: EventLog,
    private readonly readModels: ReadModels,
    private readonly identity: IdentityModel,
    private readonly subjectKeys: SubjectKeys,
    private readonly policy: LeakPolicy,
    private readonly narrowed: Narrowed,
    private readonly proveRevocation: ProveRevocation,
  ) {}

  /** Whether the secret is the true one: of a key in any state, of an access token that works. */
  async isProven(found: ParsedKey): Promise<boolean> {
    const hash = Buffer.from(hashSecret(found.secret), 'hex');
    if (found.prefix === 'drm') return this.identity.byToken(found.id, hash, Date.now()) !== undefined;
    return isSecretOf((await this.log.read(keys, found.id)).state, found);
  }

  /**
   * Records the report and does what the policy of the registry says; only a key that was found with its true secret is
   * touched. Resolves when what was done holds at every gate. Returns whether the secret was the true one, of a key or an
   * access token in any state.
   */
  async report(found: ParsedKey, place: LeakPlace, context: CommandContext): Promise<boolean> {
    if (found.prefix === 'drm') return this.endToken(found, context);
    const { state } = await this.log.read(keys, found.id);
    if (state.status === 'none') return false;
    const proven = isSecretOf(state, found);
    const { registry } = state.generated;
    // A URL may hold the key itself, and it may lead to a person.
    const url = place.url === null ? null : withoutKeys(place.url);
    const sealed = url === null ? null : await this.subjectKeys.seal(registry, url, context);
    const onLeak = await this.policy.actionOf(registry);
    const owners = ownersOf(this.readModels.database, registry);
    const data = { at: now(), registry, source: place.source, url: sealed, proven };
    const own = { ...context, commandId: mintUuid() };
    const decision = reportLeak(data, { onLeak, owners });
    const reported = await this.log.transact(keys, found.id, decision, own);
    if (proven) await this.hold(found.id, onLeak, reported, own);
    return proven;
  }

  /**
   * An access token acts for its user in every registry that the user manages, so no policy of a registry is asked. Waits as
   * whoever ends a token does, also when it had ended: whoever ended it may have died on the way.
   */
  private async endToken({ id, secret }: ParsedKey, context: CommandContext): Promise<boolean> {
    const user = this.identity.ownerOfToken(id, Buffer.from(hashSecret(secret), 'hex'));
    if (user === undefined) return false;
    const own = { ...context, commandId: mintUuid() };
    const { position } = await this.log.transact(users, user, revokeToken(id, now()), own);
    await this.narrowed.apply(position);
    return true;
  }

  /** Waits for what was done, also after a report that added nothing: whoever made the first one may have died on the way. */
  private async hold(
    id: string,
    onLeak: LeakAction,
    { state, facts, position }: Transacted<KeyState, KeyFact>,
    context: CommandContext,
  ): Promise<void> {
    if (state.status === 'none') return;
    if (onLeak === 'suspend' && state.status === 'suspended') await this.narrowed.apply(position);
    if (onLeak !== 'revoke' || state.proven) return;
    const { registry } = state.generated;
    const serveReadsFor = findRegistry(this.readModels.database, registry)?.serveReadsFor ?? null;
    const isNew = facts.at(-1)?.type === 'KeyRevoked';
    await this.proveRevocation.of({ registry, id, serveReadsFor }, context, isNew ? position : undefined);
  }
}

/** Compares hashes in constant time. */
export function isSecretOf(state: KeyState, { secret }: ParsedKey): state is ExistingKey {
  if (state.status === 'none') return false;
  const [known, given] = [state.generated.secretHash, hashSecret(secret)];
  return timingSafeEqual(Buffer.from(known, 'hex'), Buffer.from(given, 'hex'));
}
