import { createHash } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { networkIncludes } from '#libs/access';
import type { CommandContext, EventLog } from '#libs/event-store';
import { base62FromBytes, formatKey, hashSecret, ID_LENGTH, parseDuration, Refusal } from '#libs/kernel';
import {
  failRotation, generateSuccessor, inheritedLifetime, isRotationDue, keys, revokeKey, rotateDelivered, successorOf, timeText,
  unscheduleRotation, type ExistingKey, type RotationSchedule,
} from '#libs/keys'; // prettier-ignore
import type { SubjectKeys } from '#libs/personal-data';
import { mintSecret, now } from '#libs/platform';
import { findRegistry, ownersOf, type ReadModels, type RegistryRow } from '#libs/read-models';
import { policyCheck } from '#libs/registries';
import type { Membership } from '../membership/membership.js';
import { parseTarget, type RotationTarget } from '../rotation-target.js';
import type { DeliverSecret } from './targets/deliver-secret.js';
import { DeliveryFailed } from './targets/delivery.js';

/** Name space of the ids that follow from a rotation: of commands, successors and deliveries. */
const ROTATIONS = 'b0d6a3de-2f1c-4b8e-9a57-3c1f0d7e6a42';
/** Attempts that were cut off, one after the other, before people are told, and the next one follows after a pause. */
const CUT_OFF_MAX = 10;
/** Successors of successors that are looked at for who has the schedule now. */
const CHAIN_MAX = 50;

/** A key with a schedule that is due. */
interface Due {
  readonly id: string;
  readonly old: ExistingKey;
  readonly schedule: RotationSchedule;
  readonly registry: RegistryRow;
}

export interface RotationParts {
  readonly log: EventLog;
  readonly readModels: ReadModels;
  readonly membership: Pick<Membership, 'widened'>;
  readonly subjectKeys: () => Promise<SubjectKeys>;
  readonly deliver: Pick<DeliverSecret, 'to'>;
}

/**
 * Rotates one key by its schedule: makes the successor, delivers its secret, and only then links the two, with which the grace
 * of the old key begins. The secret lives in this call alone: whatever goes wrong, the successor is discarded and the old key
 * goes on. The id of a successor follows from the key, the due time and how many were discarded, so that of two workers at
 * once one makes it, and the other waits until it is linked or discarded.
 */
export class AutomaticRotation {
  constructor(private readonly parts: RotationParts) {}

  async rotate(id: string): Promise<void> {
    const { log, readModels } = this.parts;
    const { state } = await log.read(keys, id);
    if (!isRotationDue(state, now())) return;
    const registry = findRegistry(readModels.database, state.generated.registry);
    if (!registry) return;
    const due: Due = { id, old: state, schedule: state.schedule, registry };
    const target = await this.open(state.schedule);
    // Its owner ended it, and died on the way to saying so.
    if (!target) return this.unschedule(due);
    const expiresAt = successorExpiry(state);
    const obstacle = obstacleOf(due, expiresAt);
    if (obstacle !== undefined) return this.fail(due, obstacle);
    await this.make(due, target, expiresAt);
  }

  private async make(due: Due, target: RotationTarget, expiresAt: string | null): Promise<void> {
    const { log, membership } = this.parts;
    const { id, old, registry } = due;
    const next = await this.nextSuccessor(due);
    if (!next) return this.fail(due, 'each attempt was cut off: the log of the workers says why');
    const { successor, deliveryId } = next;
    const bornAt = performance.now();
    const [at, secret] = [now(), mintSecret()];
    const registryRevision = registry.revision.toString();
    const secretHash = hashSecret(secret);
    const born = successorOf(old, { at, secretHash, registryRevision, expiresAt, rotates: id });
    const created = await log.create(
      keys,
      successor,
      generateSuccessor(old, born),
      contextOf(deliveryId, id),
    );
    await membership.widened(created.position);
    const { gracePeriod } = due.schedule;
    const { id: registryId, slug } = registry;
    const age = () => performance.now() - bornAt;
    const told = {
      id: successor, key: formatKey(successor, secret), name: old.name, expiresAt, predecessor: { id, gracePeriod },
      registry: { id: registryId, slug }, deliveryId,
    }; // prettier-ignore
    let delivered = false;
    try {
      const version = await this.parts.deliver.to(target, told, age);
      delivered = true;
      await this.link(due, { successor, bornAt: at, version });
    } catch (error) {
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      await this.discard(due, successor);
      // What changed the key meanwhile left the target with a secret that is worth nothing: another one follows at once.
      const isAtOnce = delivered && error instanceof Refusal;
      await this.fail(due, failure, isAtOnce);
    }
  }

  /**
   * The first that there is none of yet, or no living one. A living one belongs to a worker that is at it, or that died: making
   * it again is refused until discard-successors has discarded it. undefined: too many were discarded.
   */
  private async nextSuccessor({
    id,
    schedule,
  }: Due): Promise<{ successor: string; deliveryId: string } | undefined> {
    for (let cutOff = 0; cutOff < CUT_OFF_MAX; cutOff++) {
      const name = `${id} ${schedule.dueAt} ${cutOff}`;
      const bytes = createHash('sha512').update(`${ROTATIONS} ${name}`).digest();
      const successor = `drk_${base62FromBytes(bytes, ID_LENGTH)!}`;
      const { state } = await this.parts.log.read(keys, successor);
      if (state.status !== 'revoked') return { successor, deliveryId: uuidv5(name, ROTATIONS) };
    }
    return undefined;
  }

  /** The grace begins now, and not before the target has the secret. */
  private async link(
    { id, old, schedule, registry }: Due,
    born: { readonly successor: string; readonly bornAt: string; readonly version: string | null },
  ): Promise<void> {
    const { log } = this.parts;
    const { successor, version } = born;
    const { state } = await log.read(keys, successor);
    if (state.status !== 'active') throw new Refusal('conflict', 'the new key was ended meanwhile');
    const at = now();
    const graceEndsAt = timeText(Date.parse(at) + parseDuration(schedule.gracePeriod)!);
    const decide = rotateDelivered(
      { registry: registry.id, at, graceEndsAt, copied: old, ...born },
      schedule,
    );
    await log.transact(keys, id, decide, contextOf(uuidv5(`link ${successor} ${version}`, ROTATIONS), id));
  }

  private async discard({ id, registry }: Due, successor: string): Promise<void> {
    const decision = revokeKey({ registry: registry.id, at: now(), cause: 'discarded' });
    const context = contextOf(uuidv5(`discard ${successor}`, ROTATIONS), id);
    await this.parts.log.transact(keys, successor, decision, context);
  }

  /**
   * Says that it failed, where the schedule still waits. Where another worker was faster the target may have what was discarded
   * here instead of what was linked there, so the key that has the schedule now is rotated once more, at once.
   */
  private async fail({ id, schedule, registry }: Due, error: string, isAtOnce = false): Promise<void> {
    const { log, readModels } = this.parts;
    const owners = ownersOf(readModels.database, registry.id);
    const at = now();
    const { state } = await log.read(keys, id);
    if (state.status === 'none') return;
    const context = (holder: string, dueAt: string) =>
      contextOf(uuidv5(`fail ${holder} ${dueAt} ${schedule.dueAt}`, ROTATIONS), id);
    if (!state.rotation) {
      const tried = (isAtOnce && state.schedule) || schedule;
      const next = isAtOnce ? { nextAttemptAt: at } : {};
      const decision = failRotation({ at, error, ...next }, tried, owners);
      await log.transact(keys, id, decision, context(id, tried.dueAt));
      return;
    }
    const holder = await this.holder(state.rotation.successor);
    if (!holder) return;
    const again = {
      at,
      error:
        'the key was rotated by somebody else meanwhile, and the target may have a key that was given up',
      nextAttemptAt: at,
    };
    const decision = failRotation(again, holder.schedule, owners);
    await log.transact(keys, holder.id, decision, context(holder.id, holder.schedule.dueAt));
  }

  private async holder(first: string): Promise<{ id: string; schedule: RotationSchedule } | undefined> {
    let id = first;
    for (let link = 0; link < CHAIN_MAX; link++) {
      const { state } = await this.parts.log.read(keys, id);
      if (state.status === 'none') return undefined;
      if (!state.rotation) return state.schedule ? { id, schedule: state.schedule } : undefined;
      id = state.rotation.successor;
    }
    return undefined;
  }

  private async unschedule({ id, schedule, registry }: Due): Promise<void> {
    const decision = unscheduleRotation(schedule.schedule, { registry: registry.id, at: now() });
    const context = contextOf(uuidv5(`unschedule ${id} ${schedule.schedule}`, ROTATIONS), id);
    await this.parts.log.transact(keys, id, decision, context);
  }

  /** undefined once its key is destroyed. The key does not stay in memory: another node may destroy it. */
  private async open({ target }: RotationSchedule): Promise<RotationTarget | undefined> {
    const subjectKeys = await this.parts.subjectKeys();
    try {
      const json = await subjectKeys.open(target);
      return json === undefined ? undefined : parseTarget(json);
    } finally {
      subjectKeys.forget(target.subject);
    }
  }
}

function contextOf(commandId: string, key: string): CommandContext {
  return { commandId, actor: { type: 'system', id: 'rotate-keys' }, correlationId: `rotate-keys.${key}` };
}

/** Lives as long as the old key was to, from now on. */
function successorExpiry(old: ExistingKey): string | null {
  const lifetime = inheritedLifetime(old);
  return lifetime === undefined ? null : timeText(Date.now() + lifetime);
}

/** Why no successor may be made now. */
function obstacleOf({ old, registry }: Due, expiresAt: string | null): string | undefined {
  if (registry.plan !== 'enterprise') return 'the plan of the registry does not include it any more';
  const key = { name: old.name, networks: old.networks, createdAt: now(), expiresAt };
  const faults = policyCheck(registry.policy, networkIncludes)(key);
  return faults.find(({ field }) => field === 'expiresAt')?.why;
}

/**
 * The text of a failure that is final for this successor; undefined: the log failed, and nobody knows what it holds. A link that
 * comes too late is refused as `unavailable` too: the job runs again once the successor is discarded.
 */
function failureOf(error: unknown): string | undefined {
  if (error instanceof DeliveryFailed) return error.message;
  return error instanceof Refusal && error.code !== 'unavailable' ? error.message : undefined;
}
