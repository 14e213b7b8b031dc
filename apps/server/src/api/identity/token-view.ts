import { ApiProperty } from '@nestjs/swagger';
import { ROLES, type AccessToken, type Role } from '#libs/identity';

export class TokenView {
  @ApiProperty({ example: 'drm_4TzR0aKd9P2Xb7Qm' }) id: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: ROLES, nullable: true, description: 'null: all that the user may do.' })
  role: Role | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'Id of a registry; null: all of the user.' })
  registry: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'null: never.' })
  expiresAt: string | null;
}

export function tokenView({
  token: id,
  name,
  role,
  registry,
  at,
  expiresAt,
}: AccessToken['issued']): TokenView {
  return { id, name, role, registry, createdAt: at, expiresAt };
}
