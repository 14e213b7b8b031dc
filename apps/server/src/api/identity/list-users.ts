import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { IdentityModel, USER_ID } from '#libs/identity';
import { Requires } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, type Page } from '../http/pages.js';
import { UserParameter } from './user-parameter.js';
import { Users, UserView } from './users.js';

class UserPage implements Page<UserView> {
  @ApiProperty({ type: [UserView] }) items: UserView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@Controller('v1/users')
@ApiTags('users')
export class ListUsersRoute {
  constructor(
    private readonly model: IdentityModel,
    private readonly users: Users,
  ) {}

  @Get()
  @Requires('administer')
  @Operation({
    id: 'listUsers',
    summary: 'All users that were not erased, in the order of their registration.',
    answer: UserPage,
  })
  async list(@Query() { limit, after }: PageQuery): Promise<UserPage> {
    const [last] = placeAfter('users', after, [USER_ID]) ?? [];
    const rows = this.model.usersAfter(last, limit + 1);
    const { items, next } = pageOf('users', rows, limit, ({ id }) => [id]);
    return { items: await Promise.all(items.map(({ id, user }) => this.users.view(id, user))), next };
  }

  @Get(':id')
  @Requires('administer')
  @Operation({ id: 'getUser', summary: 'One user.', answer: UserView })
  show(@Param('id', UserParameter) id: string): Promise<UserView> {
    return this.users.view(id);
  }
}
