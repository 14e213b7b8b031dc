import { str } from 'envalid';
import { issuer, origin, scopes } from './setting-kinds.js';

/** The e-mail address has to come with them. */
const SCOPES = 'openid email profile';

/** Settings of signing in through an issuer of OpenID Connect. */
export const OIDC_SETTINGS = {
  PUBLIC_URL: origin({
    default: undefined,
    desc: 'where browsers find the management API, as `https://keys.example.com`; unset = as the request says, on loopback',
  }),
  OIDC_ISSUER: issuer({
    default: undefined,
    desc: 'issuer of OpenID Connect through which users may sign in, as `https://id.example.com`',
  }),
  OIDC_CLIENT_ID: str({ default: undefined, desc: 'id of this server at the issuer' }),
  OIDC_CLIENT_SECRET: str({ default: undefined, desc: 'secret of this server at the issuer' }),
  OIDC_SCOPES: scopes({
    default: undefined,
    desc: `what the issuer is asked for, the e-mail address among it; unset = \`${SCOPES}\``,
  }),
};

/** The client that this server is at an issuer. */
export interface OidcSettings {
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: string;
}

interface Values {
  readonly OIDC_ISSUER: URL | undefined;
  readonly OIDC_CLIENT_ID: string | undefined;
  readonly OIDC_CLIENT_SECRET: string | undefined;
  readonly OIDC_SCOPES: string | undefined;
}

/** undefined when nobody signs in so. */
export function oidcOf(values: Values): OidcSettings | undefined {
  const { OIDC_ISSUER: issuerUrl, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret } = values;
  if (issuerUrl === undefined || clientId === undefined || clientSecret === undefined) return undefined;
  return { issuer: issuerUrl, clientId, clientSecret, scopes: values.OIDC_SCOPES ?? SCOPES };
}

/** Of the three that belong together, some are missing. */
export function isHalfOidc({ OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET }: Values): boolean {
  const given = [OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET].filter((value) => value !== undefined);
  return given.length !== 0 && given.length !== 3;
}
