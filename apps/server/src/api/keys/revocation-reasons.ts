import { Injectable } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { CommandContext } from '#libs/event-store';
import { REVOCATION_CAUSES, type Revocation, type RevocationCause, type SealedReason } from '#libs/keys';
import { SubjectKeys } from '#libs/personal-data';

/** Longest reason in characters: a sentence or two, not a report. */
export const REASON_MAX = 500;

/** Why a key was revoked, as the API shows it. */
export class RevocationView {
  @ApiProperty({ enum: REVOCATION_CAUSES }) cause: RevocationCause;
  @ApiProperty({
    type: 'string',
    nullable: true,
    required: false,
    description:
      'What somebody wrote about it; null: nothing, or its author was erased. Only in the answer about one key, and to those who may read its history.',
  })
  reason?: string | null;
}

/** Reasons may speak of people, so each stands in the log encrypted under the key of its author, and is lost with that key. */
@Injectable()
export class RevocationReasons {
  constructor(private readonly subjectKeys: SubjectKeys) {}

  /** As KeyRevoked holds it. */
  async seal(
    reason: string | null | undefined,
    author: string,
    context: CommandContext,
  ): Promise<SealedReason | null> {
    return typeof reason === 'string' ? this.subjectKeys.seal(author, reason, context) : null;
  }

  /** The text; null when there is none, and once its author is erased. */
  async open(reason: SealedReason | null): Promise<string | null> {
    return (reason && (await this.subjectKeys.open(reason))) ?? null;
  }

  async view({ cause, reason }: Revocation): Promise<RevocationView> {
    return { cause, reason: await this.open(reason) };
  }
}
