import { Injectable } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { revocationReceipt } from '#libs/audit';
import type { KeyRevocationProven } from '#libs/keys';
import { AuditKey } from '#libs/platform';
import { Installation } from '../../installation.js';

/** How one gate stopped accepting the key: it knew, or its lease was over. */
class ReceiptMemberView {
  @ApiProperty({ description: 'Random id of the process.' }) incarnation: string;
  @ApiProperty({ description: 'Name of its host.' }) label: string;
  @ApiProperty({ type: 'string', required: false, format: 'date-time' }) appliedAt?: string | null;
  @ApiProperty({ type: 'string', required: false, format: 'date-time' }) leaseEndedAt?: string | null;
}

/** The proof that a revocation holds at every gate, signed. docs/receipts.md says how to check it. */
export class ReceiptView {
  @ApiProperty() logId: string;
  @ApiProperty({ description: 'Id of the registry.' }) registry: string;
  @ApiProperty({ description: 'Commit position of KeyRevoked in the event log.' }) position: string;
  @ApiProperty({ type: [ReceiptMemberView] }) members: readonly ReceiptMemberView[];
  @ApiProperty({ type: 'integer', description: 'From the stored revocation to the proof.' })
  durationMs: number;
  @ApiProperty({
    required: false,
    description: '`false` when gates may be missing in `members`; else left out.',
  })
  complete?: boolean;
  @ApiProperty({
    required: false,
    type: 'string',
    nullable: true,
    description: 'How long the registry lets reads go on at a gate without a lease.',
  })
  serveReadsFor?: string | null;
  @ApiProperty({ description: 'Signature line of C2SP signed-note.' }) signature: string;
}

export class RevokedKey {
  @ApiProperty() id: string;
  @ApiProperty({ enum: ['revoked'] }) status: 'revoked';
  @ApiProperty({ format: 'date-time' }) revokedAt: string;
  @ApiProperty({
    description: 'Proves that no request is accepted any more; `dockreg verify-receipt` checks it.',
  })
  receipt: ReceiptView;
}

/** Signs proofs. The same proof gives the same receipt, on every node. */
@Injectable()
export class Receipts {
  constructor(
    private readonly installation: Installation,
    private readonly auditKey: AuditKey,
  ) {}

  /** The answer to a revocation, which `dockreg verify-receipt` takes as it is. */
  answer(id: string, revokedAt: string, proof: KeyRevocationProven['data']): RevokedKey {
    const { registry, position, members, durationMs, complete, serveReadsFor } = proof;
    const { logId } = this.installation;
    const proven = {
      logId,
      key: id,
      registry,
      revokedAt,
      position,
      members,
      durationMs,
      complete,
      serveReadsFor,
    };
    return { id, status: 'revoked', revokedAt, receipt: revocationReceipt(proven, this.auditKey.signer) };
  }
}
