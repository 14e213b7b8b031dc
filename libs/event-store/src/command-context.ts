import type { Actor, FactMetadata } from '#libs/kernel';

/** Who makes a command, for the metadata of its events. */
export interface CommandContext {
  /** UUID of this command: the name space of its event ids. */
  readonly commandId: string;
  readonly actor: Actor;
  readonly correlationId: string;
  readonly network?: string;
  readonly bodyHash?: string;
}

/** What the events of a command carry beside their data. */
export function metadataOf(context: CommandContext, schemaVersion: number, critical: boolean): FactMetadata {
  const { commandId, actor, correlationId, network, bodyHash } = context;
  return {
    schemaVersion,
    actor,
    correlationId,
    causationId: commandId,
    ...(network === undefined ? {} : { network }),
    ...(bodyHash === undefined ? {} : { bodyHash }),
    ...(critical ? { critical } : {}),
  };
}
