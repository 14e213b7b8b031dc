import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EventLog, type CommandContext } from '#libs/event-store';
import { IdentityModel } from '#libs/identity';
import { hashSecret, Refusal, withoutKeys, type ParsedKey } from '#libs/kernel';
import { keys, reportLeak, revokeKey, suspendKey, type ExistingKey, type KeyState } from '#libs/keys';
import { SubjectKeys } from '#libs/personal-data';
import { mintUuid, now } from '#libs/platform';
import { findRegistry, ReadModels } from '#libs/read-models';
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
   * touched. Resolves when what was done holds at every gate. Returns `isProven`.
   */
  async report(found: ParsedKey, place: LeakPlace, context: CommandContext): Promise<boolean> {
    if (found.prefix === 'drm') return this.isProven(found);
    const { state } = await this.log.read(keys, found.id);
    if (state.status === 'none') return false;
    const proven = isSecretOf(state, found);
    const { registry } = state.generated;
    // A URL may hold the key itself, and it may lead to a person.
    const url = place.url === null ? null : withoutKeys(place.url);
    const sealed = url === null ? null : await this.subjectKeys.seal(registry, url, context);
    const data = { at: now(), registry, source: place.source, url: sealed, proven };
    const own = { ...context, commandId: mintUuid() };
    await this.log.transact(keys, found.id, reportLeak(data), own);
    if (proven) await this.act(found.id, state, context);
    return proven;
  }

  /** Also after a report that added nothing: whoever made the first one may have died on the way. */
  private async act(id: string, { generated: { registry }, status }: ExistingKey, context: CommandContext) {
    const action = await this.policy.actionOf(registry);
    const own = { ...context, commandId: mintUuid() };
    if (action === 'revoke') return this.revoke(registry, id, own);
    if (action === 'suspend' && (status === 'active' || status === 'suspended')) {
      return this.suspend(registry, id, own);
    }
  }

  private async revoke(registry: string, id: string, context: CommandContext): Promise<void> {
    const revocation = { registry, at: now(), cause: 'leaked' } as const;
    const { state, facts, position } = await this.log.transact(keys, id, revokeKey(revocation), context);
    if (state.status !== 'none' && state.proven) return;
    const serveReadsFor = findRegistry(this.readModels.database, registry)?.serveReadsFor ?? null;
    const revoked = { registry, id, serveReadsFor };
    await this.proveRevocation.of(revoked, context, facts.length > 0 ? position : undefined);
  }

  /** A key that ended meanwhile needs no suspension. */
  private async suspend(registry: string, id: string, context: CommandContext): Promise<void> {
    try {
      const suspend = suspendKey({ registry, at: now() });
      const { position } = await this.log.transact(keys, id, suspend, context);
      await this.narrowed.apply(position);
    } catch (error) {
      const hasEnded = error instanceof Refusal && ['key-revoked', 'key-expired'].includes(error.code);
      if (!hasEnded) throw error;
    }
  }
}

/** Compares hashes in constant time. */
export function isSecretOf(state: KeyState, { secret }: ParsedKey): state is ExistingKey {
  if (state.status === 'none') return false;
  const [known, given] = [state.generated.secretHash, hashSecret(secret)];
  return timingSafeEqual(Buffer.from(known, 'hex'), Buffer.from(given, 'hex'));
}
