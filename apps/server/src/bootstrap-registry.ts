import type { CommandContext, EventLog } from '#libs/event-store';
import { mintId, mintUuid, now, type Settings } from '#libs/platform';
import { addHost, createRegistry, hosts, LOOPBACK_HOSTS, registries, reserve, slugs } from '#libs/registries';

/**
 * Makes sure that the first registry exists and answers on the loopback names. Every step may have been done before: by
 * an earlier start, by one that died half way, or by another node that starts now; so the holder of the name is completed
 * whoever reserved it. Returns the position after which all of it is there.
 */
export async function bootstrapRegistry(log: EventLog, settings: Settings): Promise<bigint> {
  const { bootstrapRegistry: slug, defaultPlan: plan } = settings;
  const actor = { type: 'system', id: 'bootstrap' } as const;
  const context: CommandContext = { commandId: mintUuid(), actor, correlationId: 'bootstrap' };
  const registry = await holderOf(log, slug, context);
  const data = { at: now(), slug, name: slug, plan, createdBy: actor.id };
  let { position } = await log.transact(registries, registry, createRegistry(data, []), context);
  for (const host of LOOPBACK_HOSTS) {
    await log.transact(hosts, host, reserve(registry, now(), 'host-taken'), context);
    ({ position } = await log.transact(registries, registry, addHost(host, now()), context));
  }
  return position;
}

/** The id of the registry that has the slug; a new one when nobody has. */
async function holderOf(log: EventLog, slug: string, context: CommandContext): Promise<string> {
  const reserveFor = reserve(mintId('reg'), now(), 'slug-taken');
  const { state } = await log.transact(
    slugs,
    slug,
    (reservation) => (reservation.by === undefined ? reserveFor(reservation) : []),
    context,
  );
  return state.by!;
}
