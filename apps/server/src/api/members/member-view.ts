import type { PipeTransform } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { USER_ID } from '#libs/identity';
import { ROLES, type Role } from '#libs/kernel';
import { missingMember, type RegistryState } from '#libs/registries';

/** A member as the API shows it: by id, without personal data. */
export class MemberView {
  @ApiProperty({ example: 'usr_8Zk1mQ4vT0aXc2Lp' }) userId: string;
  @ApiProperty({ enum: ROLES }) role: Role;
  @ApiProperty({ format: 'date-time' }) addedAt: string;
}

/** A member in the state of a registry's stream. Throws Refusal `not-found` for who is none. */
export function memberOf(state: RegistryState, userId: string): MemberView {
  const member = state.status === 'none' ? undefined : state.members.get(userId);
  if (!member) throw missingMember();
  return { userId, ...member };
}

/** What has not the form of a user's id names nobody. */
export class MemberParameter implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!USER_ID.test(id)) throw missingMember();
    return id;
  }
}
