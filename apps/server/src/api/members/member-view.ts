import { Injectable, type PipeTransform } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { newestRevision, type PlacedFact, type StreamRead } from '#libs/event-store';
import { USER_ID } from '#libs/identity';
import { ROLES, type Role } from '#libs/kernel';
import { isSeenInMember, missingMember, type RegistryState } from '#libs/registries';
import { People } from '../http/people.js';
import type { Precondition } from '../http/versions.js';

/** A member as the API shows it. Who may see members may see who they are: the owners of the registry, and administrators. */
export class MemberView {
  @ApiProperty({ example: 'usr_8Zk1mQ4vT0aXc2Lp' }) userId: string;
  @ApiProperty({ type: 'string', nullable: true, description: 'null: the user was erased.' })
  name: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'null: the user was erased.' })
  email: string | null;
  @ApiProperty({ enum: ROLES }) role: Role;
  @ApiProperty({ format: 'date-time' }) addedAt: string;
}

type Membership = Pick<MemberView, 'userId' | 'role' | 'addedAt'>;

/** Shows members with what people call them. */
@Injectable()
export class MemberViews {
  constructor(private readonly people: People) {}

  async of({ userId, role, addedAt }: Membership): Promise<MemberView> {
    const { name = null, email = null } = (await this.people.find(userId)) ?? {};
    return { userId, name, email, role, addedAt };
  }
}

/** A member in the state of a registry's stream. Throws Refusal `not-found` for who is none. */
export function memberOf(state: RegistryState, userId: string): Membership {
  const member = state.status === 'none' ? undefined : state.members.get(userId);
  if (!member) throw missingMember();
  return { userId, ...member };
}

/** The version of a member: its `ETag`. The row of the read model has the same. */
export function memberVersion(history: readonly PlacedFact[], userId: string): bigint {
  return newestRevision(history, isSeenInMember(userId));
}

/** For `EventLog.transact`: the member is in the version that the caller has seen. Who is no member has none. */
export function memberIs(ifMatch: Precondition | undefined, userId: string) {
  return ({ state, events }: StreamRead<RegistryState>): void => {
    if (state.status !== 'none' && state.members.has(userId)) ifMatch?.require(memberVersion(events, userId));
  };
}

/** What has not the form of a user's id names nobody. */
export class MemberParameter implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!USER_ID.test(id)) throw missingMember();
    return id;
  }
}
