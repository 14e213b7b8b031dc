import { timingSafeEqual } from 'node:crypto';
import { administrators, type AdministratorFact, type Administrators } from './administrators.js';
import { ALL_RIGHTS, intersection, NO_RIGHTS, rightsOf, type Rights, type Role } from './rights.js';
import { users, type AccessToken, type UserFact, type UserState } from './user.js';

/** A recorded fact, as far as this model reads it. */
export interface IdentityFact {
  readonly type: string;
  readonly data: object;
  readonly category: string;
  /** The part of the stream's name after its category. */
  readonly id: string;
  /** Commit position in the whole log. */
  readonly position: bigint;
}

/** Whoever calls, as far as rights depend on it. Ask anew for every request. */
export interface Principal {
  /** `usr_…` */
  readonly user: string;
  /** The access token that acts for the user. */
  readonly token: TokenScope | undefined;
}

export interface TokenScope {
  /** `drm_…` */
  readonly id: string;
  readonly role: Role | null;
  readonly registry: string | null;
}

type RegisteredUser = Exclude<UserState, { status: 'none' }>;
interface MemberData {
  readonly user: string;
  readonly role: Role;
}

/** Compared for a token that does not exist, so that its refusal takes as long as that of a wrong secret. */
const NO_HASH = Buffer.alloc(32);
/** The scope of a session. */
const WHOLE = { role: null, registry: null };
const NO_ROLES: ReadonlyMap<string, Role> = new Map();

/**
 * Users, tokens and roles of all registries in the memory of an API node, folded by the very functions that decide. Owned by
 * whoever feeds it from the log: facts in log order; one at or before the position reached in its category changes nothing.
 * A user takes about 2 KB.
 */
export class IdentityModel {
  readonly #users = new Map<string, RegisteredUser>();
  readonly #credentials = new Map<string, bigint>();
  readonly #tokenOwners = new Map<string, string>();
  readonly #byEmail = new Map<string, string>();
  readonly #roles = new Map<string, Map<string, Role>>();
  #administrators: Administrators = administrators.initial;
  #newestFactAt = -Infinity;
  #position = -1n;

  /** Facts of users and administrators up to here are applied; members come with the registries' own facts. */
  get position(): bigint {
    return this.#position;
  }

  apply(fact: IdentityFact): void {
    const { category, type, id, data, position } = fact;
    if (category === 'registry') return this.#changeMember(type, data as MemberData, id);
    if (position <= this.#position) return;
    this.#position = position;
    const at = Date.parse((data as { at: string }).at);
    if (at > this.#newestFactAt) this.#newestFactAt = at;
    if (category === 'user') this.#changeUser(id, { type, data } as UserFact, position);
    if (category === 'administrators') {
      this.#administrators = administrators.evolve(this.#administrators, { type, data } as AdministratorFact);
    }
  }

  /** A member as a table of the registries says; for the start. */
  loadMember(registry: string, user: string, role: Role): void {
    this.#changeMember('MemberAdded', { user, role }, registry);
  }

  /** A user who was registered, erased ones too. */
  user(id: string): RegisteredUser | undefined {
    return this.#users.get(id);
  }

  /** In the order of their registration, after an id. */
  usersAfter(after: string | undefined, limit: number): { id: string; user: RegisteredUser }[] {
    const page: { id: string; user: RegisteredUser }[] = [];
    let skipping = after !== undefined;
    for (const [id, user] of this.#users) {
      if (!skipping && user.status !== 'erased') page.push({ id, user });
      if (id === after) skipping = false;
      if (page.length === limit) break;
    }
    return page;
  }

  /** Ids of the users who were erased. */
  erasedUsers(): string[] {
    return [...this.#users].filter(([, { status }]) => status === 'erased').map(([id]) => id);
  }

  /** The user whose e-mail address has this index. */
  byEmail(emailIndex: string): string | undefined {
    return this.#byEmail.get(emailIndex);
  }

  /**
   * The principal of an access token. `secretHash`: SHA-256 (32 bytes) of the secret; `now`: ms since the epoch. undefined for
   * an unknown, ended or expired token, a wrong secret, and a user who cannot sign in.
   */
  byToken(id: string, secretHash: Uint8Array, now: number): Principal | undefined {
    const user = this.ownerOfToken(id, secretHash);
    const token = user === undefined ? undefined : this.#users.get(user)?.tokens[id];
    if (user === undefined || !token || !this.#holds(token, now) || !this.isActive(user)) return undefined;
    const { role, registry } = token.issued;
    return { user, token: { id, role, registry } };
  }

  /**
   * The user for whom this access token was issued, when the secret is the true one (`secretHash` as for `byToken`): whether it
   * works, has ended or has expired. undefined too once the user is erased.
   */
  ownerOfToken(id: string, secretHash: Uint8Array): string | undefined {
    const owner = this.#tokenOwners.get(id);
    const user = owner === undefined ? undefined : this.#users.get(owner);
    const token = user?.tokens[id];
    const known = token === undefined ? NO_HASH : Buffer.from(token.issued.secretHash, 'hex');
    const proven = timingSafeEqual(secretHash, known);
    return proven && token && user?.status !== 'erased' ? owner : undefined;
  }

  /** The principal of a session that was opened when the user's newest credential stood at `credential`. */
  bySession(user: string, credential: bigint): Principal | undefined {
    const holds = this.isActive(user) && this.#credentials.get(user) === credential;
    return holds ? { user, token: undefined } : undefined;
  }

  /** Whether an access token that was proven before holds at `now` (ms since the epoch), and its user can sign in. */
  stillHolds({ user, token }: Principal, now: number): boolean {
    const known = token && this.#users.get(user)?.tokens[token.id];
    return known !== undefined && this.#holds(known, now) && this.isActive(user);
  }

  /** What a session that is opened now carries: the position of the user's newest password, else of the first identity. */
  credentialOf(user: string): bigint | undefined {
    return this.isActive(user) ? this.#credentials.get(user) : undefined;
  }

  isActive(user: string): boolean {
    return this.#users.get(user)?.status === 'active';
  }

  isAdministrator(user: string): boolean {
    return this.#administrators.has(user);
  }

  /** Whether the principal has the right that belongs to no registry: not with a token that is narrowed. */
  administers({ user, token }: Principal): boolean {
    const whole = token === undefined || (token.role === null && token.registry === null);
    return whole && this.#administrators.has(user);
  }

  /** What the principal may do in a registry; empty = it does not see the registry at all. */
  rightsIn(registry: string, principal: Principal): Rights {
    const { user, token } = principal;
    const { role: narrowed, registry: only } = token ?? WHOLE;
    if (only !== null && only !== registry) return NO_RIGHTS;
    const role = this.rolesOf(user).get(registry);
    const own = this.#administrators.has(user) ? ALL_RIGHTS : role === undefined ? NO_RIGHTS : rightsOf(role);
    const scoped = narrowed === null ? own : intersection(own, rightsOf(narrowed));
    return this.administers(principal) ? scoped : withoutAdminister(scoped);
  }

  /** The registries that the principal sees; undefined = all. */
  visibleRegistries({ user, token }: Principal): ReadonlySet<string> | undefined {
    const all = this.#administrators.has(user);
    if (token !== undefined && token.registry !== null) {
      return new Set(all || this.rolesOf(user).has(token.registry) ? [token.registry] : []);
    }
    return all ? undefined : new Set(this.rolesOf(user).keys());
  }

  /** The user's role in each registry. */
  rolesOf(user: string): ReadonlyMap<string, Role> {
    return this.#roles.get(user) ?? NO_ROLES;
  }

  #holds({ issued, revokedAt }: AccessToken, now: number): boolean {
    if (revokedAt !== null) return false;
    return issued.expiresAt === null || Date.parse(issued.expiresAt) > Math.max(now, this.#newestFactAt);
  }

  #changeUser(id: string, fact: UserFact, position: bigint): void {
    const state = users.evolve(this.#users.get(id) ?? users.initial, fact);
    if (state.status === 'none') return;
    this.#users.set(id, state);
    if (fact.type === 'UserRegistered') this.#byEmail.set(fact.data.emailIndex, id);
    if (fact.type === 'UserErased') this.#byEmail.delete(state.registered.emailIndex);
    if (fact.type === 'UserPasswordChanged') this.#credentials.set(id, position);
    if (fact.type === 'UserIdentityLinked' && !this.#credentials.has(id)) this.#credentials.set(id, position);
    if (fact.type === 'AccessTokenIssued') this.#tokenOwners.set(fact.data.token, id);
  }

  #changeMember(type: string, { user, role }: MemberData, registry: string): void {
    const roles = this.#roles.get(user) ?? new Map<string, Role>();
    if (type === 'MemberAdded' || type === 'MemberRoleChanged')
      this.#roles.set(user, roles.set(registry, role));
    else if (type === 'MemberRemoved') roles.delete(registry);
  }
}

function withoutAdminister(rights: Rights): Rights {
  return rights.has('administer') ? new Set([...rights].filter((right) => right !== 'administer')) : rights;
}
