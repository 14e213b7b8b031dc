import { isIP } from 'node:net';
import { EnvError, makeValidator } from 'envalid';
import { parseKey } from '#libs/kernel';
import { slugProblem } from '#libs/registries';

/** How settings are read: each throws EnvError with a text for the operator that never repeats the value. */

export const ROLES = ['api', 'gate', 'worker'] as const;
export type Role = (typeof ROLES)[number];

export const port = makeValidator<number>((text) => {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new EnvError('a port is a number from 0 to 65535');
  return Number(text);
});

export const roles = makeValidator<readonly Role[]>((text) => {
  const named = list(text);
  const isKnown = (name: string) => (ROLES as readonly string[]).includes(name);
  if (named.length === 0 || !named.every(isKnown) || new Set(named).size !== named.length) {
    throw new EnvError('not a list of api, gate and worker, each at most once');
  }
  return ROLES.filter((role) => named.includes(role));
});

/** `10.0.0.0/8`, `fd00::/8` or a single address. */
export const networks = makeValidator<readonly string[]>((text) => {
  const named = list(text);
  if (!named.every(isNetwork)) throw new EnvError('not a list of networks such as 10.0.0.0/8, fd00::/8');
  return named;
});

export const dnsServers = makeValidator<readonly string[]>((text) => {
  const named = list(text);
  const isServer = (name: string) =>
    isIP(name) !== 0 ||
    (/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d{1,5}$/i.test(name) &&
      Number(name.slice(name.lastIndexOf(':') + 1)) <= 65_535);
  if (named.length === 0 || !named.every(isServer))
    throw new EnvError('not a list such as 10.0.0.53, [fd00::53]:5353');
  return named;
});

/** How long history is kept: alerts look back a month. */
export const days = makeValidator<number>((text) => {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (!(count >= 31 && count <= 3_650)) throw new EnvError('not a whole number of days from 31 to 3650');
  return count;
});

/** A whole number of seconds within bounds, both included. */
export function seconds(min: number, max: number) {
  return makeValidator<number>((text) => {
    const count = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
    if (!(count >= min && count <= max))
      throw new EnvError(`not a whole number of seconds from ${min} to ${max}`);
    return count;
  });
}

/** The encoding of golang.org/x/mod/sumdb/note: `PRIVATE+KEY+<name>+<hash>+<base64>`. */
export const signerKey = makeValidator<string>((text) => {
  if (!/^PRIVATE\+KEY\+[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    throw new EnvError('not a signer key as `dockreg audit-key generate` prints it');
  }
  return text;
});

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function isNetwork(text: string): boolean {
  const [address, prefix, ...rest] = text.split('/');
  const version = isIP(address!);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

export const slug = makeValidator<string>((text) => {
  const problem = slugProblem(text);
  if (problem) throw new EnvError(problem);
  return text;
});

/** Validates without ever repeating the value: it may hold a password. */
function url(schemes: readonly string[], example: string) {
  return makeValidator<string>((text) => {
    const scheme = /^([a-z+]+):\/\/[^/?#]/.exec(text)?.[1];
    if (!scheme || !schemes.includes(scheme)) throw new EnvError(`not of the form ${example}`);
    return text;
  });
}
export const eventStoreUrl = url(
  ['kurrentdb', 'kurrentdb+discover', 'kdb', 'kdb+discover', 'esdb', 'esdb+discover'],
  'kurrentdb://host:2113?tls=true',
);
export const redisUrl = url(['redis', 'rediss'], 'redis://host:6379');
export const smtpUrl = url(['smtp', 'smtps'], 'smtp://user:password@host:587');

export const upstream = makeValidator<URL | 'none'>((text) => {
  if (text === 'none') return 'none';
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.pathname !== '/' || parsed.search !== '') {
    throw new EnvError('not `none` and not of the form http://host:5000');
  }
  return parsed;
});

/** An address that browsers and programs send secrets to: `https`, or `http` on this very machine. */
function secureUrl(text: string): URL {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = parsed && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(parsed.hostname);
  const isSecure = parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLocal === true);
  if (!parsed || !isSecure || parsed.username !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new EnvError('not of the form https://id.example.com (http only on a loopback address)');
  }
  return parsed;
}
export const issuer = makeValidator<URL>(secureUrl);
export const origin = makeValidator<string>((text) => {
  const url = secureUrl(text);
  if (url.pathname !== '/') throw new EnvError('not of the form https://keys.example.com, without a path');
  return url.origin;
});

/** `openid` has to be among them (OpenID Connect Core 1.0, 3.1.2.1). */
export const scopes = makeValidator<string>((text) => {
  const named = text.split(' ').filter((scope) => scope !== '');
  if (!named.includes('openid') || !named.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))) {
    throw new EnvError('not a list of scopes with `openid`, separated by blanks');
  }
  return named.join(' ');
});

export const domain = makeValidator<string>((text) => {
  const name = text.toLowerCase();
  if (name.length > 200 || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(name)) {
    throw new EnvError('not a DNS name such as registry.example.com');
  }
  return name;
});

export const email = makeValidator<string>((text) => {
  if (!/^[^\s@]{1,64}@[^\s@]{1,255}$/.test(text)) throw new EnvError('not an e-mail address');
  return text;
});

/** A shorter administrator's password is refused (NIST SP 800-63B: at least 8; this account can do everything). */
const PASSWORD_LENGTH_MIN = 10;
const PASSWORD_LENGTH_MAX = 256;
export const password = makeValidator<string>((text) => {
  if (text.length < PASSWORD_LENGTH_MIN || text.length > PASSWORD_LENGTH_MAX) {
    throw new EnvError(`a password has ${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters`);
  }
  return text;
});

export const token = makeValidator<string>((text) => {
  if (parseKey(text)?.prefix !== 'drm')
    throw new EnvError('not a well-formed drm_ token: form or checksum is wrong');
  return text;
});

/** Base64 of 32 bytes; older generations may follow, separated by commas. */
export const masterKey = makeValidator<string>((text) => {
  const isKey = (part: string) => /^[A-Za-z0-9+/]{43}=$/.test(part);
  if (!list(text).every(isKey)) throw new EnvError('not base64 of 32 bytes, with older ones after commas');
  return text;
});
