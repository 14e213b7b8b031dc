import { Controller, Get, Param } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { endOf, handover, missingKey, shownStatus, type KeyUse } from '#libs/keys';
import { now } from '#libs/platform';
import { findKey, lastUses, ReadModels, usersOf, type RegistryRow } from '#libs/read-models';
import { Requires } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { KeyParameter } from './key-parameter.js';

class KeyUseView implements KeyUse {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ type: 'string', nullable: true }) network: string | null;
  @ApiProperty({ type: 'string', nullable: true }) client: string | null;
}

class LastUsedView {
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) key: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) successor: string | null;
}

class HandoverView {
  @ApiProperty({ description: 'Id of the old key.' }) key: string;
  @ApiProperty({ type: 'string', nullable: true, description: 'Id of its successor; null: it has none.' })
  successor: string | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description:
      'From when on the old key is refused: the end of its grace, or its expiry where that is sooner.',
  })
  graceEndsAt: string | null;
  @ApiProperty({ description: 'Whether revoking the old key now takes nothing away from anybody.' })
  safeToRetire: boolean;
  @ApiProperty({ description: 'Why, in a sentence.' }) verdict: string;
  @ApiProperty({ type: LastUsedView, description: 'null: never, or not known.' }) lastUsed: LastUsedView;
  @ApiProperty({ type: [KeyUseView], description: 'Who still uses the old key; the last first.' })
  users: readonly KeyUseView[];
}

@ApiTags('keys')
@Controller('v1/registries/:registry/keys/:key/handover')
export class HandoverRoute {
  constructor(private readonly readModels: ReadModels) {}

  @Get()
  @Requires('see')
  @Operation({
    summary: 'Who still uses a key that was rotated, and whether it is safe to retire it.',
    answer: HandoverView,
  })
  show(
    @Param('registry', RegistryParameter) registry: RegistryRow,
    @Param('key', KeyParameter) id: string,
  ): HandoverView {
    const { database } = this.readModels;
    const row = findKey(database, registry.id, id);
    if (!row) throw missingKey();
    const successor = row.rotation && findKey(database, registry.id, row.rotation.successor);
    const ids = [id, ...(successor ? [successor.id] : [])];
    const last = lastUses(database, ids);
    const [ofKey = null, ofSuccessor = null] = ids.map((one) => last.get(one)?.at ?? null);
    const common = { key: id, lastUsed: { key: ofKey, successor: ofSuccessor } };
    if (!row.rotation || !successor) {
      const status = shownStatus(row, now());
      const isOver = status === 'revoked' || status === 'expired';
      const verdict = isOver
        ? `The key is ${status}, and has no successor: there is nothing to hand over.`
        : 'The key has no successor: rotate it first.';
      return { ...common, successor: null, graceEndsAt: null, safeToRetire: false, verdict, users: [] };
    }
    const rotatedAt = row.rotation.at;
    const graceEndsAt = endOf(row)!.at;
    const at = now();
    const uses = {
      ofKey: usersOf(database, id, row.createdAt, at),
      ofSuccessor: usersOf(database, successor.id, successor.createdAt, at),
    };
    const verdict = handover({ rotatedAt, ...uses, successorStatus: shownStatus(successor, at) });
    return { ...common, successor: successor.id, graceEndsAt, ...verdict };
  }
}
