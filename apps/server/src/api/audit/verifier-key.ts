import { Controller, Get } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { AuditKey } from '#libs/platform';
import { OwnAccount } from '../http/caller.js';
import { Operation } from '../http/openapi.js';

class VerifierKey {
  @ApiProperty({
    description: 'Verifier key of C2SP signed-note: `<name>+<hash>+<base64>`.',
    example: 'registry.example.com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  })
  key: string;
}

@ApiTags('audit log')
@Controller('v1/audit-log')
export class VerifierKeyRoute {
  constructor(private readonly auditKey: AuditKey) {}

  @Get('key')
  @OwnAccount()
  @Operation({
    id: 'getVerifierKey',
    summary: 'What the receipts of revocations are checked with, offline.',
    answer: VerifierKey,
  })
  get(): VerifierKey {
    return { key: this.auditKey.verifierKey };
  }
}
