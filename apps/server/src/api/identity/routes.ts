import { STANDING } from '../http/standing.js';
import { Authentication } from './authentication.js';
import { CallerStanding } from './caller-standing.js';
import { ChangePasswordHandler, ChangePasswordRoute, CurrentPassword } from './change-password.js';
import { CreateUserHandler, CreateUserRoute } from './create-user.js';
import { DisableUserHandler, DisableUserRoute, EnableUserHandler } from './disable-user.js';
import { EraseUserHandler, EraseUserRoute } from './erase-user.js';
import {
  AcceptInvitation,
  AcceptInvitationRoute,
  InviteUserHandler,
  InviteUserRoute,
} from './invite-user.js';
import { IssueTokenHandler, IssueTokenRoute } from './issue-token.js';
import { LinkedUser } from './linked-user.js';
import { ListUsersRoute } from './list-users.js';
import { NameAdministratorHandler, NameAdministratorRoute } from './name-administrator.js';
import { OidcIssuer } from './oidc-issuer.js';
import { OidcSignIns } from './oidc-sign-ins.js';
import { OwnSessionsRoute } from './own-sessions.js';
import { EndTokenHandler, OwnTokensRoute } from './own-tokens.js';
import { ReserveEmail } from './reserve-email.js';
import { Sessions } from './sessions.js';
import { SignIn, SignInRoute } from './sign-in.js';
import { OidcSignIn, SignInOidcRoute } from './sign-in-oidc.js';
import { SignInRecord } from './sign-in-record.js';
import { SignInThrottle } from './sign-in-throttle.js';
import { SignOutRoute } from './sign-out.js';
import { UnderLease } from './under-lease.js';
import { WhoAmIRoute } from './who-am-i.js';

/** What the module takes from this slice; the guard is the module's own. */
export const IDENTITY_ROUTES = [
  SignInRoute, SignOutRoute, WhoAmIRoute, ChangePasswordRoute, OwnSessionsRoute, IssueTokenRoute, OwnTokensRoute,
  CreateUserRoute, ListUsersRoute, DisableUserRoute, EraseUserRoute, InviteUserRoute, AcceptInvitationRoute,
  NameAdministratorRoute, SignInOidcRoute,
]; // prettier-ignore

/** They need Settings, Installation, EventLog, ReadModels, Membership, Redis, IdentityModel, Users, LOG, FirstAnswer, Narrowed and Widened. */
export const IDENTITY_PROVIDERS = [
  Authentication, UnderLease, Sessions, SignIn, SignInThrottle, SignInRecord, CurrentPassword, AcceptInvitation, ReserveEmail,
  ChangePasswordHandler, IssueTokenHandler, EndTokenHandler, CreateUserHandler, DisableUserHandler, EnableUserHandler,
  EraseUserHandler, InviteUserHandler, NameAdministratorHandler, { provide: STANDING, useClass: CallerStanding },
  OidcIssuer, OidcSignIns, OidcSignIn, LinkedUser,
]; // prettier-ignore
