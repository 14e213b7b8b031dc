import { resolve } from 'node:path';
import { cleanEnv, EnvMissingError, str } from 'envalid';
import { isHalfOidc, OIDC_SETTINGS, oidcOf, type OidcSettings } from './oidc-settings.js';
import {
  days,
  dnsServers,
  domain,
  email,
  eventStoreUrl,
  masterKey,
  networks,
  password,
  port,
  redisUrl,
  ROLES,
  roles,
  seconds,
  signerKey,
  slug,
  smtpUrl,
  token,
  upstream,
  type Role,
} from './setting-kinds.js';

export type { Role } from './setting-kinds.js';

/** Every setting: how it is read, its default and its meaning. docs/configuration.md repeats this table; a test compares them. */
export const SETTINGS = {
  DATA_DIR: str({ default: './data', desc: 'where everything is kept that this node owns' }),
  ROLES: roles({
    default: ROLES,
    desc: 'the roles of this process: some of `api,gate,worker`; fewer than all need `EVENTSTORE_URL` and `REDIS_URL`',
  }),
  API_HOST: str({ default: '127.0.0.1', desc: 'address of the management API' }),
  API_PORT: port({ default: 3000, desc: 'port of the management API; 0 = a free one, printed' }),
  GATE_HOST: str({ default: '127.0.0.1', desc: 'address of the gate, which registry clients talk to' }),
  GATE_PORT: port({ default: 5000, desc: 'port of the gate; 0 = a free one, printed' }),
  GATE_TLS_CERT: str({
    default: undefined,
    desc: 'file with the certificate chain (PEM): the gate speaks TLS; read again when it changes',
  }),
  GATE_TLS_KEY: str({ default: undefined, desc: 'file with the private key (PEM) that belongs to it' }),
  GATE_PROXY_PROTOCOL: str({
    choices: ['off', 'v2'] as const,
    default: 'off',
    desc: '`v2`: every connection from `TRUSTED_PROXIES` begins with a PROXY protocol header; `off`: none does',
  }),
  GATE_DRAIN_SECONDS: seconds(
    0,
    3_600,
  )({
    default: 5,
    desc: 'how long transfers under way may go on after SIGTERM; then they are cut',
  }),
  TRUSTED_PROXIES: networks({
    default: undefined,
    desc: 'networks of the proxies whose forwarded client addresses count, as `10.0.0.0/8,fd00::/8`; unset = none',
  }),
  DNS_SERVERS: dnsServers({
    default: undefined,
    desc: 'who is asked for the DNS proof of a custom host, as `10.0.0.53,[fd00::53]:5353`; unset = the system’s resolver',
  }),
  GEOIP_DB: str({
    default: undefined,
    desc: 'file (`.mmdb`) that tells the country of an address, and its autonomous system if it can; unset = the one that is shipped',
  }),
  USAGE_KEPT_DAYS: days({
    default: 400,
    desc: 'how many days the counts of what keys are used for are kept, 31 to 3650',
  }),
  LEASE_SECONDS: seconds(
    3,
    60,
  )({
    default: 3,
    desc: 'how long a gate or API node may decide from memory without hearing from the event store, 3 to 60',
  }),
  AUDIT_KEY: signerKey({
    default: undefined,
    desc: 'the Ed25519 key that signs receipts, as `dockreg audit-key generate` prints it; unset = `DATA_DIR/audit-key`',
  }),
  MASTER_KEY: masterKey({
    default: undefined,
    desc: 'base64 of the 32 bytes that wrap the keys of personal data, older generations after commas; unset = `DATA_DIR/master-key`',
  }),
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
  ...OIDC_SETTINGS,
  DEFAULT_PLAN: str({
    choices: ['free', 'team', 'enterprise'] as const,
    default: 'enterprise',
    desc: 'plan of a new registry: `free`, `team` or `enterprise`',
  }),
  SMTP_URL: smtpUrl({
    default: undefined,
    desc: 'mail server, as `smtp://user:password@host:587` or `smtps://host`; unset = no mail is sent',
  }),
  MAIL_FROM: email({ default: 'dockreg@localhost', desc: 'sender of all mail' }),
  ALLOW_PRIVATE_TARGETS: str({
    choices: ['true', 'false'] as const,
    default: 'false',
    desc: '`true`: URLs that users name may lead to private and loopback addresses; `false`: they are refused',
  }),
  ROTATION_FILES_DIR: str({
    default: undefined,
    desc: 'folder below which automatic rotations may write files, each registry in a folder of its own; unset = none',
  }),
  LEAK_REPORT_KEYS: str({
    default: undefined,
    desc: 'public keys that sign reports of leaks, as JSON in the format of GitHub, or a file with it; unset = none is accepted',
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
const OWN_NAMES = /^(API|GATE|BOOTSTRAP|REGISTRY|EVENTSTORE|OIDC)_/;
const SERVICE_LINK = /_(SERVICE_(HOST|PORT.*)|PORT|PORT_\d+_(TCP|UDP).*)$/;

/** What the program is configured with. Injected by class. */
export class Settings {
  readonly dataDir: string;
  readonly roles: readonly Role[];
  readonly apiHost: string;
  readonly apiPort: number;
  readonly gateHost: string;
  readonly gatePort: number;
  readonly gateTlsCert: string | undefined;
  readonly gateTlsKey: string | undefined;
  readonly gateProxyProtocol: 'off' | 'v2';
  readonly gateDrainSeconds: number;
  readonly trustedProxies: readonly string[];
  /** undefined: the system's resolver. */
  readonly dnsServers: readonly string[] | undefined;
  /** undefined: the one that is shipped. */
  readonly geoipDb: string | undefined;
  readonly usageKeptDays: number;
  readonly leaseSeconds: number;
  readonly auditKey: string | undefined;
  readonly masterKey: string | undefined;
  readonly eventStoreUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly registryUpstream: URL | 'private' | 'none';
  readonly registryDomain: string;
  readonly bootstrapAdminEmail: string;
  readonly bootstrapAdminPassword: string | undefined;
  readonly bootstrapAdminToken: string | undefined;
  readonly bootstrapRegistry: string;
  /** Origin, without a slash at its end. */
  readonly publicUrl: string | undefined;
  readonly oidc: OidcSettings | undefined;
  readonly defaultPlan: 'free' | 'team' | 'enterprise';
  /** undefined: no mail is sent. Holds a password. */
  readonly smtpUrl: string | undefined;
  readonly mailFrom: string;
  readonly allowPrivateTargets: boolean;
  /** undefined: no rotation writes a file. */
  readonly rotationFilesDir: string | undefined;
  /** JSON, or the name of a file with it. */
  readonly leakReportKeys: string | undefined;
  readonly metricsToken: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug';

  constructor(values: ReturnType<typeof clean>) {
    this.dataDir = resolve(values.DATA_DIR);
    this.roles = values.ROLES;
    this.apiHost = values.API_HOST;
    this.apiPort = values.API_PORT;
    this.gateHost = values.GATE_HOST;
    this.gatePort = values.GATE_PORT;
    this.gateTlsCert = values.GATE_TLS_CERT;
    this.gateTlsKey = values.GATE_TLS_KEY;
    this.gateProxyProtocol = values.GATE_PROXY_PROTOCOL;
    this.gateDrainSeconds = values.GATE_DRAIN_SECONDS;
    this.trustedProxies = values.TRUSTED_PROXIES ?? [];
    this.dnsServers = values.DNS_SERVERS;
    this.geoipDb = values.GEOIP_DB;
    this.usageKeptDays = values.USAGE_KEPT_DAYS;
    this.leaseSeconds = values.LEASE_SECONDS;
    this.auditKey = values.AUDIT_KEY;
    this.masterKey = values.MASTER_KEY;
    this.eventStoreUrl = values.EVENTSTORE_URL;
    this.redisUrl = values.REDIS_URL;
    this.registryUpstream = values.REGISTRY_UPSTREAM ?? 'private';
    this.registryDomain = values.REGISTRY_DOMAIN;
    this.bootstrapAdminEmail = values.BOOTSTRAP_ADMIN_EMAIL;
    this.bootstrapAdminPassword = values.BOOTSTRAP_ADMIN_PASSWORD;
    this.bootstrapAdminToken = values.BOOTSTRAP_ADMIN_TOKEN;
    this.bootstrapRegistry = values.BOOTSTRAP_REGISTRY;
    this.publicUrl = values.PUBLIC_URL;
    this.oidc = oidcOf(values);
    this.defaultPlan = values.DEFAULT_PLAN;
    this.smtpUrl = values.SMTP_URL;
    this.mailFrom = values.MAIL_FROM;
    this.allowPrivateTargets = values.ALLOW_PRIVATE_TARGETS === 'true';
    this.rotationFilesDir = values.ROTATION_FILES_DIR && resolve(values.ROTATION_FILES_DIR);
    this.leakReportKeys = values.LEAK_REPORT_KEYS;
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
  problems.push(...impossibleTogether(values));
  if (problems.length > 0) throw new SettingsError(problems);
  return new Settings(values);
}

/** What is wrong with settings that are each in order. */
function impossibleTogether(values: ReturnType<typeof clean>): string[] {
  const problems: string[] = [];
  if (values.API_PORT === values.GATE_PORT && values.API_PORT !== 0 && values.API_HOST === values.GATE_HOST) {
    problems.push('API_PORT and GATE_PORT must differ');
  }
  if ((values.GATE_TLS_CERT === undefined) !== (values.GATE_TLS_KEY === undefined)) {
    problems.push('GATE_TLS_CERT and GATE_TLS_KEY belong together');
  }
  if (values.GATE_PROXY_PROTOCOL === 'v2' && values.TRUSTED_PROXIES === undefined) {
    problems.push('GATE_PROXY_PROTOCOL needs TRUSTED_PROXIES: the proxies that send the header');
  }
  if (isHalfOidc(values)) {
    problems.push('OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET belong together');
  }
  const isAlone = values.ROLES.length < ROLES.length;
  if (isAlone && (values.EVENTSTORE_URL === undefined || values.REDIS_URL === undefined)) {
    problems.push('ROLES: a process with fewer than all roles needs EVENTSTORE_URL and REDIS_URL');
  }
  return problems;
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
