import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { USER_ID } from '#libs/identity';
import { findMember, listMembers, ReadModels, type RegistryRow } from '#libs/read-models';
import { missingMember } from '#libs/registries';
import { Requires } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { pageOf, PageQuery, placeAfter, type Page } from '../http/pages.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { showVersion } from '../http/versions.js';
import { MemberParameter, MemberView, MemberViews } from './member-view.js';

class MemberPage implements Page<MemberView> {
  @ApiProperty({ type: [MemberView] }) items: MemberView[];
  @ApiProperty({ type: 'string', nullable: true }) next: string | null;
}

@ApiTags('members')
@Controller('v1/registries/:registry/members')
export class ListMembersRoute {
  constructor(
    private readonly readModels: ReadModels,
    private readonly views: MemberViews,
  ) {}

  @Get()
  @Requires('members')
  @Operation({ id: 'listMembers', summary: 'The members of a registry, by id.', answer: MemberPage })
  async list(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Query() { limit, after }: PageQuery,
  ): Promise<MemberPage> {
    const list = `members ${id}`;
    const [last] = placeAfter(list, after, [USER_ID]) ?? [];
    const rows = listMembers(this.readModels.database, id, last, limit + 1);
    const { items, next } = pageOf(list, rows, limit, ({ user }) => [user]);
    const shown = items.map(({ user: userId, role, addedAt }) => this.views.of({ userId, role, addedAt }));
    return { items: await Promise.all(shown), next };
  }

  @Get(':user')
  @Requires('members')
  @Operation({ id: 'getMember', summary: 'One member.', answer: MemberView })
  show(
    @Param('registry', RegistryParameter) { id }: RegistryRow,
    @Param('user', MemberParameter) user: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemberView> {
    const row = findMember(this.readModels.database, id, user);
    if (!row) throw missingMember();
    showVersion(reply, row.revision);
    return this.views.of({ userId: user, role: row.role, addedAt: row.addedAt });
  }
}
