import { timingSafeEqual } from 'node:crypto';
import { Body, Controller, Headers, Param, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { Geography } from '#libs/geography';
import {
  findKey,
  findRegistry,
  notificationSecretHash,
  ReadModels,
  type RegistryRow,
} from '#libs/read-models';
import { UsageCounter } from '#libs/usage';
import { LiveLastUses } from '../../usage/live-last-uses.js';
import { Public } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { invalidField, Problem } from '../http/problems.js';
import { hashNotificationSecret } from './notification-secret.js';
import { notifiedEvent, notifiedUse, type NotifiedEvent } from './notified-use.js';
import { SeenNotifications } from './seen-notifications.js';

const BEARER = /^Bearer +(\S{1,128})$/i;
/** The hash of nothing that anybody could send: compared with where there is no secret. */
const NO_HASH = '0'.repeat(64);

const ENVELOPE = {
  type: 'object' as const,
  required: ['events'],
  properties: {
    events: {
      type: 'array' as const,
      items: { type: 'object' as const, additionalProperties: true },
      description:
        'Events with `id`, `action`, `target`, `request` and `actor.name`. Those whose actor is no key of this registry do not count.',
    },
  },
  additionalProperties: true,
};

/**
 * Notifications of a registry (CNCF distribution's webhook) whose requests did not come through our gate: their actor is the
 * key that its token was made for. What came through the gate has no such actor, and so is counted once.
 */
@ApiTags('usage')
@Controller('v1/registries/:registry/notifications')
export class TakeNotificationsRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly seen: SeenNotifications,
    private readonly counter: UsageCounter,
    private readonly geography: Geography,
    private readonly lastUses: LiveLastUses,
  ) {}

  @Post()
  @Public()
  @ApiBody({ schema: ENVELOPE })
  @Operation({
    problems: ['not-authenticated'],
    position: false,
    summary: 'Take notifications of a registry, with the secret that was made for them.',
  })
  async take(
    @Param('registry') slugOrId: string,
    @Headers('authorization') authorization: string | undefined,
    @Body() { events }: Record<string, unknown> = {},
  ): Promise<void> {
    const registry = this.registryOf(slugOrId, authorization);
    if (!Array.isArray(events)) throw invalidField('/events', 'events must be a list.');
    const counted = this.counting(events, registry);
    const areNew = await this.seen.areNew(
      registry.id,
      counted.map(({ id }) => id),
    );
    counted.filter((_, index) => areNew[index]).forEach((event) => this.count(event, registry));
  }

  /** Whoever has not the secret is not told whether there is such a registry. */
  private registryOf(slugOrId: string, authorization: string | undefined): RegistryRow {
    const { database } = this.readModels;
    const registry = findRegistry(database, slugOrId);
    const hash = registry && notificationSecretHash(database, registry.id);
    const secret = BEARER.exec(authorization ?? '')?.[1] ?? '';
    const given = Buffer.from(hashNotificationSecret(secret));
    const isRight = timingSafeEqual(given, Buffer.from(hash ?? NO_HASH));
    if (isRight && registry) return registry;
    throw new Problem('not-authenticated', 'This is not the secret for notifications of a registry.', {
      headers: { 'www-authenticate': 'Bearer' },
    });
  }

  /** Those of keys of this registry. A registry often tells several things of one key at once. */
  private counting(events: readonly unknown[], registry: RegistryRow): NotifiedEvent[] {
    const isOurs = new Map<string, boolean>();
    return events.flatMap((value) => {
      const event = notifiedEvent(value);
      if (!event) return [];
      const known = isOurs.get(event.actor);
      const ours = known ?? findKey(this.readModels.database, registry.id, event.actor) !== undefined;
      isOurs.set(event.actor, ours);
      return ours ? [event] : [];
    });
  }

  private count(event: NotifiedEvent, { id, slug, upstream }: RegistryRow): void {
    const prefix = upstream === null ? `${slug}/` : '';
    const { accepted, finished } = notifiedUse(event, id, prefix, this.geography.locate(event.address));
    const now = Date.now();
    const applied = this.readModels.position ?? 0n;
    this.counter.accept(accepted, now, applied);
    this.counter.finish(finished, now, applied);
    this.lastUses.used(accepted, now);
  }
}
