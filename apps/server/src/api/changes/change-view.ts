import { ApiProperty } from '@nestjs/swagger';
import { IsChoices, IsPattern } from '../http/fields.js';
import { FEED_TYPES, type ShownFact } from './shown-facts.js';

/** A commit position in decimal. */
export const POSITION = /^\d{1,19}$/;

class ChangeActor {
  @ApiProperty({ enum: ['user', 'access-token', 'key', 'system'] }) type: string;
  @ApiProperty() id: string;
}

/** A fact that the caller may see. */
export class Change implements ShownFact {
  @ApiProperty({ description: 'Such as KeyGenerated or MemberAdded.' }) type: string;
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ type: 'string', nullable: true, description: 'Id of the registry; null: of none.' })
  registry: string | null;
  @ApiProperty({ description: 'Id of what changed: a key, a registry, a user.' }) subject: string;
  @ApiProperty({ type: ChangeActor }) actor: ChangeActor;
  @ApiProperty({ type: 'object', additionalProperties: true }) data: Record<string, unknown>;
  @ApiProperty({ description: 'Commit position in the log: rises, with gaps.' }) position: string;
}

export class ChangeFilter {
  @IsPattern({
    pattern: POSITION,
    max: 19,
    rule: 'be a position in the log',
    optional: true,
    description: 'Changes after this position; without it, from now on.',
  })
  after?: string;

  @IsChoices(FEED_TYPES, { optional: true, description: 'Types of changes, joined by commas.' })
  types?: string[];
}
