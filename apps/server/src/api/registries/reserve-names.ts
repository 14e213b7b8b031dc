import { Injectable } from '@nestjs/common';
import { EventLog, type CommandContext } from '#libs/event-store';
import { Refusal } from '#libs/kernel';
import { hosts, isAbandonable, registries, release, reserve, slugs } from '#libs/registries';

interface Name {
  readonly kind: typeof slugs;
  readonly name: string;
  readonly taken: 'slug-taken' | 'host-taken';
}

/**
 * Takes the names of a new registry, each by its own stream, before the registry itself is written. A command that died in
 * between leaves a name without a holder: whoever asks for it a minute later frees it first.
 */
@Injectable()
export class ReserveNames {
  constructor(private readonly log: EventLog) {}

  /** Takes all names for `registry`, or none: throws Refusal `slug-taken` or `host-taken`. */
  async reserve(
    registry: string,
    slug: string,
    hostNames: readonly string[],
    at: string,
    context: CommandContext,
  ): Promise<void> {
    const held: Name[] = [];
    const wanted: Name[] = [
      { kind: slugs, name: slug, taken: 'slug-taken' },
      ...hostNames.map((name) => ({ kind: hosts, name, taken: 'host-taken' as const })),
    ];
    try {
      for (const name of wanted) {
        await this.take(name, registry, at, context);
        held.push(name);
      }
    } catch (error) {
      for (const { kind, name } of held) await this.log.transact(kind, name, release(registry, at), context);
      throw error;
    }
  }

  private async take(
    { kind, name, taken }: Name,
    by: string,
    at: string,
    context: CommandContext,
  ): Promise<void> {
    try {
      await this.log.create(kind, name, reserve(by, at, taken), context);
    } catch (error) {
      if (!(error instanceof Refusal) || !(await this.freedAbandoned(kind, name, at, context))) throw error;
      await this.log.transact(kind, name, reserve(by, at, taken), context);
    }
  }

  /** Frees the name if its holder never came to be. A holder that exists keeps it. */
  private async freedAbandoned(
    kind: Name['kind'],
    name: string,
    at: string,
    context: CommandContext,
  ): Promise<boolean> {
    const { state } = await this.log.read(kind, name);
    if (state.by === undefined) return true;
    if (!isAbandonable(state, at)) return false;
    const holder = await this.log.read(registries, state.by);
    if (holder.state.status !== 'none') return false;
    await this.log.transact(kind, name, release(state.by, at), context);
    return true;
  }
}
