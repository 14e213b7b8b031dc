import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { EventLog } from '#libs/event-store';
import type { RecordedFact } from '#libs/kernel';
import { belongs, keys, missingKey, type KeyRevoked } from '#libs/keys';
import type { RegistryRow } from '#libs/read-models';
import { RequiresOfKey } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, WHOLE_NUMBER, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { KeyParameter } from './key-parameter.js';
import { RevocationReasons } from './revocation-reasons.js';

class KeyEventActor {
  @ApiProperty({ enum: ['user', 'access-token', 'key', 'system'] }) type: string;
  @ApiProperty() id: string;
}

class KeyEvent {
  @ApiProperty({ description: 'Such as KeyGenerated or KeyRevoked.' }) type: string;
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ type: KeyEventActor }) actor: KeyEventActor;
  @ApiProperty({ type: 'string', nullable: true, description: 'Source network, truncated to /24 or /48.' })
  network: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) data: Record<string, unknown>;
  @ApiProperty({ description: 'Commit position in the log: rises, with gaps.' }) position: string;
}

class KeyEventPage implements Page<KeyEvent> {
  @ApiProperty({ type: [KeyEvent] }) items: KeyEvent[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key/events')
export class KeyEventsRoute {
  constructor(
    private readonly log: EventLog,
    private readonly reasons: RevocationReasons,
  ) {}

  @Get()
  @RequiresOfKey('audit-own', 'audit')
  @Operation({
    id: 'listKeyEvents',
    summary: "The key's history, oldest first, read from the log itself.",
    answer: KeyEventPage,
  })
  async events(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
    @Query() { limit, after }: PageQuery,
  ): Promise<KeyEventPage> {
    const { state, events } = await this.log.read(keys, id);
    if (!belongs(state, registry.id)) throw missingKey();
    const list = `events ${id}`;
    const [revision] = placeAfter(list, after, [WHOLE_NUMBER]) ?? [];
    const rest =
      revision === undefined ? events : events.filter((event) => event.revision > BigInt(revision));
    const { items, next } = pageOf(list, rest.slice(0, limit + 1), limit, (event) => [
      event.revision.toString(),
    ]);
    return { items: await Promise.all(items.map((event) => this.readable(event))), next };
  }

  /** With the reason of a revocation as text. */
  private async readable(event: RecordedFact): Promise<KeyEvent> {
    const shownEvent = shown(event);
    if (event.type !== 'KeyRevoked') return shownEvent;
    const { reason } = event.data as KeyRevoked['data'];
    return { ...shownEvent, data: { ...shownEvent.data, reason: await this.reasons.open(reason) } };
  }
}

/** The event without what stands in its other fields, and without the hash of the secret and what is encrypted. */
function shown(event: RecordedFact): KeyEvent {
  const {
    at,
    secretHash: _redacted,
    url: _sealed,
    target: _encrypted,
    ...data
  } = event.data as Record<string, unknown> & { at: string };
  const { type, metadata, position } = event;
  return {
    type,
    at,
    actor: metadata.actor,
    network: metadata.network ?? null,
    data,
    position: position.toString(),
  };
}
