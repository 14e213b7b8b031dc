import { resolve } from 'node:path';
import { cleanEnv, EnvError, EnvMissingError, makeValidator, str } from 'envalid';
import { parseKey } from '#libs/kernel';
import { slugProblem } from '#libs/registries';

const ROLES = ['api', 'gate', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const port = makeValidator<number>((text) => {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new EnvError('a port is a number from 0 to 65535');
  return Number(text);
});

const roles = makeValidator<readonly Role[]>((text) => {
  const named = text.split(',').map((role) => role.trim());
  if (!ROLES.every((role) => named.includes(role)) || named.length !== ROLES.length) {
    throw new EnvError('this release runs all roles in one process: api,gate,worker');
  }
  return ROLES;
});

const slug = makeValidator<string>((text) => {
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
const eventStoreUrl = url(
  ['kurrentdb', 'kurrentdb+discover', 'kdb', 'kdb+discover', 'esdb', 'esdb+discover'],
  'kurrentdb://host:2113?tls=true',
);
const redisUrl = url(['redis', 'rediss'], 'redis://host:6379');

const upstream = makeValidator<URL | 'none'>((text) => {
  if (text === 'none') return 'none';
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.pathname !== '/' || parsed.search !== '') {
    throw new EnvError('not `none` and not of the form http://host:5000');
  }
  return parsed;
});

const domain = makeValidator<string>((text) => {
  const name = text.toLowerCase();
  if (name.length > 200 || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(name)) {
    throw new EnvError('not a DNS name such as registry.example.com');
  }
  return name;
});

const email = makeValidator<string>((text) => {
  if (!/^[^\s@]{1,64}@[^\s@]{1,255}$/.test(text)) throw new EnvError('not an e-mail address');
  return text;
});

/** A shorter administrator's password is refused (NIST SP 800-63B: at least 8; this account can do everything). */
const PASSWORD_LENGTH_MIN = 10;
const PASSWORD_LENGTH_MAX = 256;
const password = makeValidator<string>((text) => {
  if (text.length < PASSWORD_LENGTH_MIN || text.length > PASSWORD_LENGTH_MAX) {
    throw new EnvError(`a password has ${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters`);
  }
  return text;
});

const token = makeValidator<string>((text) => {
  if (parseKey(text)?.prefix !== 'drm')
    throw new EnvError('not a well-formed drm_ token: form or checksum is wrong');
  return text;
});

/** Every setting: how it is read, its default and its meaning. docs/configuration.md repeats this table; a test compares them. */
export const SETTINGS = {
  DATA_DIR: str({ default: './data', desc: 'where everything is kept that this node owns' }),
  ROLES: roles({
    default: ROLES,
    desc: 'the roles of this process; this release runs `api,gate,worker` together',
  }),
  API_HOST: str({ default: '127.0.0.1', desc: 'address of the management API' }),
  API_PORT: port({ default: 3000, desc: 'port of the management API; 0 = a free one, printed' }),
  GATE_HOST: str({ default: '127.0.0.1', desc: 'address of the gate, which registry clients talk to' }),
  GATE_PORT: port({ default: 5000, desc: 'port of the gate; 0 = a free one, printed' }),
  EVENTSTORE_URL: eventStoreUrl({
    default: undefined,
    desc: 'EventStoreDB/KurrentDB, as `kurrentdb://host:2113?tls=true`; unset = the embedded store',
  }),
  REDIS_URL: redisUrl({
    default: undefined,
    desc: 'Redis, as `redis://host:6379`; unset = a private redis-server',
  }),
  REGISTRY_UPSTREAM: upstream({
    default: undefined,
    desc: 'the registry behind the gate, as `http://host:5000`; `none` = only `/v2/` answers; unset = a private docker-registry',
  }),
  REGISTRY_DOMAIN: domain({
    default: 'registry.localhost',
    desc: 'every registry answers on `<slug>.<REGISTRY_DOMAIN>`',
  }),
  BOOTSTRAP_ADMIN_EMAIL: email({
    default: 'admin@localhost',
    desc: 'e-mail address of the first administrator',
  }),
  BOOTSTRAP_ADMIN_PASSWORD: password({
    default: undefined,
    desc: 'password of the first administrator; unset = a random one, shown once on a terminal, else in `DATA_DIR/admin-password`',
  }),
  BOOTSTRAP_ADMIN_TOKEN: token({
    default: undefined,
    desc: 'a well-formed `drm_` access token for the first administrator, for automation',
  }),
  BOOTSTRAP_REGISTRY: slug({
    default: 'myapp',
    desc: 'slug of the first registry; it alone also answers on `127.0.0.1`, `localhost` and `[::1]`',
  }),
  DEFAULT_PLAN: str({
    choices: ['free', 'team', 'enterprise'] as const,
    default: 'enterprise',
    desc: 'plan of a new registry: `free`, `team` or `enterprise`',
  }),
  METRICS_TOKEN: str({
    default: undefined,
    desc: 'closes `/metrics` to all but `Authorization: Bearer <this>`',
  }),
  LOG_LEVEL: str({
    choices: ['fatal', 'error', 'warn', 'info', 'debug'] as const,
    default: 'info',
    desc: '`fatal`, `error`, `warn`, `info` or `debug`',
  }),
};

/** Names that begin so are ours: a misspelt one stops the start. What Kubernetes sets for a service of this name is let be. */
const OWN_NAMES = /^(API|GATE|BOOTSTRAP|REGISTRY|EVENTSTORE)_/;
const SERVICE_LINK = /_(SERVICE_(HOST|PORT.*)|PORT|PORT_\d+_(TCP|UDP).*)$/;

/** What the program is configured with. Injected by class. */
export class Settings {
  readonly dataDir: string;
  readonly roles: readonly Role[];
  readonly apiHost: string;
  readonly apiPort: number;
  readonly gateHost: string;
  readonly gatePort: number;
  readonly eventStoreUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly registryUpstream: URL | 'private' | 'none';
  readonly registryDomain: string;
  readonly bootstrapAdminEmail: string;
  readonly bootstrapAdminPassword: string | undefined;
  readonly bootstrapAdminToken: string | undefined;
  readonly bootstrapRegistry: string;
  readonly defaultPlan: 'free' | 'team' | 'enterprise';
  readonly metricsToken: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug';

  constructor(values: ReturnType<typeof clean>) {
    this.dataDir = resolve(values.DATA_DIR);
    this.roles = values.ROLES;
    this.apiHost = values.API_HOST;
    this.apiPort = values.API_PORT;
    this.gateHost = values.GATE_HOST;
    this.gatePort = values.GATE_PORT;
    this.eventStoreUrl = values.EVENTSTORE_URL;
    this.redisUrl = values.REDIS_URL;
    this.registryUpstream = values.REGISTRY_UPSTREAM ?? 'private';
    this.registryDomain = values.REGISTRY_DOMAIN;
    this.bootstrapAdminEmail = values.BOOTSTRAP_ADMIN_EMAIL;
    this.bootstrapAdminPassword = values.BOOTSTRAP_ADMIN_PASSWORD;
    this.bootstrapAdminToken = values.BOOTSTRAP_ADMIN_TOKEN;
    this.bootstrapRegistry = values.BOOTSTRAP_REGISTRY;
    this.defaultPlan = values.DEFAULT_PLAN;
    this.metricsToken = values.METRICS_TOKEN;
    this.logLevel = values.LOG_LEVEL;
  }
}

/** The configuration cannot be used. `problems` are sentences for the operator; no value stands in them. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsError';
  }
}

/** Reads the environment once. An empty value counts as unset. Throws SettingsError, which names every problem. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const problems = Object.keys(given)
    .filter((name) => OWN_NAMES.test(name) && !SERVICE_LINK.test(name) && !(name in SETTINGS))
    .map((name) => `${name} is not a setting`);
  const values = clean(given, problems);
  if (values.API_PORT === values.GATE_PORT && values.API_PORT !== 0 && values.API_HOST === values.GATE_HOST) {
    problems.push('API_PORT and GATE_PORT must differ');
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return new Settings(values);
}

/** Throws SettingsError with `problems` and its own when there are any: envalid's values cannot be read then. */
function clean(environment: Record<string, string | undefined>, problems: string[]) {
  return cleanEnv(environment, SETTINGS, {
    reporter: ({ errors }) => {
      for (const [name, error] of Object.entries(errors)) {
        const reason = error instanceof EnvMissingError ? 'missing' : error.message;
        problems.push(`${name}: ${choicesWithoutValue(reason)}`);
      }
      if (problems.length > 0) throw new SettingsError(problems);
    },
  });
}

/** envalid repeats the value in its own text about choices; the choices alone say enough. */
function choicesWithoutValue(reason: string): string {
  return reason.replace(/^Value ".*" not in choices/s, 'not one of');
}
