import { Injectable } from '@nestjs/common';
import { EventLog, type CommandContext } from '#libs/event-store';
import { Refusal, type Decision } from '#libs/kernel';
import { now } from '#libs/platform';
import {
  hosts,
  registries,
  release,
  releaseAbandoned,
  removeHost,
  reserveToUse,
  slugs,
  type Reservation,
  type ReservationFact,
} from '#libs/registries';

interface Name {
  readonly kind: typeof slugs;
  readonly name: string;
}

/**
 * Keeps names unique, each by its own stream: a name is reserved before the registry's own event, and released after it. A
 * command that died in between leaves a name that its holder does not use: whoever asks for it a minute later frees it first.
 */
@Injectable()
export class ReserveNames {
  constructor(private readonly log: EventLog) {}

  /**
   * Takes all names for a new registry, or none: throws Refusal `slug-taken` or `host-taken`. Of a call that is repeated, or
   * made twice at once, the registry may be there already: it has the same id, and its names must not be freed. So what such a
   * call has taken in vain waits for whoever finds it abandoned.
   */
  async reserve(
    registry: string,
    slug: string,
    hostNames: readonly string[],
    at: string,
    context: CommandContext,
  ): Promise<void> {
    const held: Name[] = [];
    const wanted = [
      { kind: slugs, name: slug, taken: 'slug-taken' as const },
      ...hostNames.map((name) => ({ kind: hosts, name, taken: 'host-taken' as const })),
    ];
    // A call that is refused writes nothing: what is left to the release below is only who was quicker in this very moment.
    for (const { taken, ...name } of wanted) await this.refuseUsed(name, reserveToUse(registry, at, taken));
    try {
      for (const { taken, ...name } of wanted) {
        await this.take(name, reserveToUse(registry, at, taken), at, context);
        held.push(name);
      }
    } catch (error) {
      const isRepeatable = context.bodyHash !== undefined;
      for (const { kind, name } of isRepeatable ? [] : held)
        await this.log.transact(kind, name, release(registry, at), context);
      throw error;
    }
  }

  /** Takes a host for a registry that will use it within a minute. Throws Refusal `host-taken`. */
  async takeHost(registry: string, host: string, context: CommandContext): Promise<void> {
    const at = now();
    await this.take({ kind: hosts, name: host }, reserveToUse(registry, at), at, context);
  }

  /**
   * Called once the registry has the host: takes it again should it have been freed meanwhile, by a removal at the same time
   * or because this process stood still for a minute. Takes it away from the registry again when somebody else was quicker:
   * then throws Refusal `host-taken`.
   */
  async keepHost(registry: string, host: string, context: CommandContext): Promise<void> {
    const { state } = await this.log.read(hosts, host);
    if (state.by === registry) return;
    try {
      await this.takeHost(registry, host, context);
    } catch (error) {
      if (error instanceof Refusal)
        await this.log.transact(registries, registry, removeHost(host, now()), context);
      throw error;
    }
  }

  /** Called once the registry has the host no more. Another call may have added it again meanwhile: then it stays taken. */
  async freeHost(registry: string, host: string, context: CommandContext): Promise<void> {
    await this.log.transact(hosts, host, release(registry, now()), context);
    const { state } = await this.log.read(registries, registry);
    if (state.status !== 'none' && state.hosts.includes(host)) await this.keepHost(registry, host, context);
  }

  private async take(
    { kind, name }: Name,
    decision: Decision<Reservation, ReservationFact>,
    at: string,
    context: CommandContext,
  ): Promise<void> {
    try {
      await this.log.create(kind, name, decision, context);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      await this.freeAbandoned({ kind, name }, at, context);
      await this.log.transact(kind, name, decision, context);
    }
  }

  /** Frees a name that its holder does not use. One that is younger than a minute stays: its command may be under way. */
  private async freeAbandoned({ kind, name }: Name, at: string, context: CommandContext): Promise<void> {
    const { state } = await this.log.read(kind, name);
    if (state.by === undefined || (await this.isUsed({ kind, name }, state.by))) return;
    await this.log.transact(kind, name, releaseAbandoned(state.by, at), context);
  }

  private async refuseUsed(
    { kind, name }: Name,
    decision: Decision<Reservation, ReservationFact>,
  ): Promise<void> {
    const { state } = await this.log.read(kind, name);
    if (state.by !== undefined && (await this.isUsed({ kind, name }, state.by))) decision(state);
  }

  private async isUsed({ kind, name }: Name, holder: string): Promise<boolean> {
    const { state } = await this.log.read(registries, holder);
    if (state.status === 'none') return false;
    return kind === slugs ? state.slug === name : state.hosts.includes(name);
  }
}
