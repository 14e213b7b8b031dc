import { Controller, Get } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { IdentityModel, ROLES, type Role } from '#libs/identity';
import { findRegistry, ReadModels } from '#libs/read-models';
import { CurrentCaller, OwnAccount, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { Users, UserView } from './users.js';

class OwnRole {
  @ApiProperty({ description: 'Id of the registry.' }) registry: string;
  @ApiProperty() slug: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: ROLES }) role: Role;
}

class TokenInUse {
  @ApiProperty({ example: 'drm_4TzR0aKd9P2Xb7Qm' }) id: string;
  @ApiProperty({ enum: ROLES, nullable: true, description: 'What it is narrowed to.' }) role: Role | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'Id of the only registry that it sees.' })
  registry: string | null;
}

export class WhoAmI {
  @ApiProperty()
  user: UserView;

  @ApiProperty({ enum: ['session', 'access-token'], description: 'How the call was authenticated.' })
  via: 'session' | 'access-token';

  @ApiProperty({ type: TokenInUse, nullable: true, description: 'The access token of the call.' })
  token: TokenInUse | null;

  @ApiProperty({
    type: [OwnRole],
    description: 'The roles of the user. Administrators have all rights in all registries besides.',
  })
  roles: OwnRole[];
}

@Controller('v1/session')
@ApiTags('session')
export class WhoAmIRoute {
  constructor(
    private readonly model: IdentityModel,
    private readonly users: Users,
    private readonly readModels: ReadModels,
  ) {}

  @Get()
  @OwnAccount()
  @Operation({ summary: 'Who am I, with my role in each registry?', answer: WhoAmI })
  async get(@CurrentCaller() caller: Caller): Promise<WhoAmI> {
    const { token } = caller.principal;
    return {
      user: await this.users.view(caller.userId),
      via: token ? 'access-token' : 'session',
      token: token ?? null,
      roles: this.rolesOf(caller),
    };
  }

  /** Only of registries that the caller sees: an access token may be narrowed to one. */
  private rolesOf({ userId, rights }: Caller): OwnRole[] {
    return [...this.model.rolesOf(userId)].flatMap(([id, role]) => {
      const registry = rights(id).has('see') && findRegistry(this.readModels.database, id);
      return registry ? [{ registry: id, slug: registry.slug, name: registry.name, role }] : [];
    });
  }
}
