import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { USER_ID } from '#libs/identity';
import { listMembers, ReadModels, type RegistryRow } from '#libs/read-models';
import { Requires } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { MemberView } from './member-view.js';

class MemberPage implements Page<MemberView> {
  @ApiProperty({ type: [MemberView] }) items: MemberView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('members')
@Controller('v1/registries/:registry/members')
export class ListMembersRoute {
  constructor(private readonly readModels: ReadModels) {}

  @Get()
  @Requires('members')
  @Operation({ summary: 'The members of a registry, by id.', answer: MemberPage })
  list(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Query() { limit, after }: PageQuery,
  ): MemberPage {
    const list = `members ${id}`;
    const [last] = placeAfter(list, after, [USER_ID]) ?? [];
    const rows = listMembers(this.readModels.database, id, last, limit + 1);
    const { items, next } = pageOf(list, rows, limit, ({ user }) => [user]);
    return { items: items.map(({ user: userId, role, addedAt }) => ({ userId, role, addedAt })), next };
  }
}
