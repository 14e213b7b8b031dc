import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readSettings, SETTINGS, SettingsError } from './settings.js';

type Name = keyof typeof SETTINGS;
const NAMES = Object.keys(SETTINGS) as Name[];

/** The problems that this environment is refused with; none when it is accepted. */
function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}

const textOf = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/configuration.md', () => {
  it('has exactly the settings that exist, with their defaults and meanings', () => {
    const rows = textOf('docs/configuration.md')
      .split('\n')
      .filter((line) => /^\| `[A-Z_]+` +\|/.test(line))
      .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim())); // prettier-ignore
    const expected = NAMES.map((name) => {
      const { default: byDefault, desc } = SETTINGS[name];
      return [`\`${name}\``, byDefault === undefined ? 'unset' : `\`${String(byDefault)}\``, desc];
    });
    expect(rows).toEqual(expected);
  });
});

describe('without settings', () => {
  it('the server is the one of the table: local, private backends, all roles', () => {
    expect(readSettings({})).toMatchObject({
      roles: ['api', 'gate', 'worker'],
      apiHost: '127.0.0.1',
      apiPort: 3000,
      gateHost: '127.0.0.1',
      gatePort: 5000,
      eventStoreUrl: undefined,
      redisUrl: undefined,
      registryUpstream: 'private',
      bootstrapAdminPassword: undefined,
    });
  });

  it.each(NAMES)('an empty %s is an unset one', (name) => {
    expect(readSettings({ [name]: '' })).toEqual(readSettings({}));
  });
});

describe('a name that is not a setting', () => {
  it.each([
    'API_PROT',
    'GATE_POTR',
    'BOOTSTRAP_ADMIN_PASSWROD',
    'REGISTRY_UPSTEAM',
    'EVENTSTORE_URI',
    'OIDC_CLIENT',
  ])('stops the start when it can only be meant for us: %s', (name) =>
    expect(problemsOf({ [name]: 'x' })).toEqual([`${name} is not a setting`]),
  );

  it.each(['PATH', 'NODE_ENV', 'HTTP_PROXY', 'npm_config_registry', 'MY_API_PORT'])(
    'is ignored when it is for another program: %s',
    (name) => expect(problemsOf({ [name]: 'x' })).toEqual([]),
  );

  it.each([
    'API_SERVICE_HOST',
    'API_SERVICE_PORT',
    'GATE_SERVICE_PORT_HTTPS',
    'GATE_PORT_5000_TCP',
    'GATE_PORT_5000_TCP_ADDR',
    'EVENTSTORE_PORT',
    'EVENTSTORE_PORT_2113_TCP_PROTO',
    'REGISTRY_SERVICE_HOST',
    'REGISTRY_PORT_5000_UDP_PORT',
  ])('is ignored when Kubernetes sets it for a service: %s', (name) => {
    expect(problemsOf({ [name]: 'tcp://10.0.0.1:80' })).toEqual([]);
  });

  it('does not get its value repeated', () => {
    expect(problemsOf({ API_PASSWORD: 'canary' }).join()).not.toContain('canary');
  });
});

describe('an impossible value', () => {
  it.each(['-1', '65536', '80.5', '0x50', '1e3', ' 80', 'http', 'tcp://10.0.0.1:80'])(
    'is no port: %s',
    (port) => {
      expect(problemsOf({ API_PORT: port })).toEqual(['API_PORT: a port is a number from 0 to 65535']);
      expect(problemsOf({ GATE_PORT: port })).toEqual(['GATE_PORT: a port is a number from 0 to 65535']);
    },
  );

  it.each(['0', '1', '65535'])('a port is a number from 0 to 65535: %s', (port) => {
    expect(readSettings({ API_PORT: port }).apiPort).toBe(Number(port));
  });

  it('both addresses cannot have one port, unless it is 0 or the hosts differ', () => {
    expect(problemsOf({ API_PORT: '4000', GATE_PORT: '4000' })).toEqual([
      'API_PORT and GATE_PORT must differ',
    ]);
    expect(problemsOf({ API_PORT: '0', GATE_PORT: '0' })).toEqual([]);
    expect(problemsOf({ API_PORT: '4000', GATE_PORT: '4000', GATE_HOST: '127.0.0.2' })).toEqual([]);
  });

  const BACKENDS = { EVENTSTORE_URL: 'kurrentdb://a:2113', REDIS_URL: 'redis://a:6379' };

  it.each(['api,gate,worker,api', 'api,gate,admin', ',', 'API'])('no list of roles: %s', (roles) =>
    expect(problemsOf({ ...BACKENDS, ROLES: roles })).toHaveLength(1),
  );

  it.each(['api', 'gate', 'worker', 'gate,api'])('%s alone needs backends that others reach too', (roles) => {
    expect(problemsOf({ ROLES: roles })).toEqual([
      expect.stringMatching('needs EVENTSTORE_URL and REDIS_URL'),
    ]);
    expect(readSettings({ ...BACKENDS, ROLES: roles }).roles).toEqual(roles.split(',').toSorted());
  });

  it('a certificate without its key, and a PROXY header from nobody, stop the start', () => {
    expect(problemsOf({ GATE_TLS_CERT: '/a.pem' })).toHaveLength(1);
    expect(problemsOf({ GATE_TLS_KEY: '/a.pem' })).toHaveLength(1);
    expect(problemsOf({ GATE_PROXY_PROTOCOL: 'v2' })).toHaveLength(1);
    expect(problemsOf({ GATE_PROXY_PROTOCOL: 'v2', TRUSTED_PROXIES: '::1, 10.0.0.0/8' })).toEqual([]);
  });

  it('an issuer needs a client, and a client an issuer', () => {
    const whole = {
      OIDC_ISSUER: 'https://id.example.com/realms/a',
      OIDC_CLIENT_ID: 'a',
      OIDC_CLIENT_SECRET: 'b',
    };
    expect(readSettings(whole).oidc).toMatchObject({ clientId: 'a', scopes: 'openid email profile' });
    expect(readSettings({}).oidc).toBeUndefined();
    for (const name of Object.keys(whole)) expect(problemsOf({ ...whole, [name]: '' })).toHaveLength(1);
  });

  it('roles may come in any order', () => {
    expect(readSettings({ ROLES: 'worker, api,gate' }).roles).toEqual(['api', 'gate', 'worker']);
  });

  it.each([
    ['EVENTSTORE_URL', 'http://host:2113'],
    ['EVENTSTORE_URL', 'kurrentdb://'],
    ['EVENTSTORE_URL', 'host:2113'],
    ['REDIS_URL', 'http://host:6379'],
    ['REDIS_URL', 'localhost:6379'],
    ['REGISTRY_UPSTREAM', 'ftp://host'],
    ['REGISTRY_UPSTREAM', 'http://host:5000/v2/'],
    ['REGISTRY_UPSTREAM', 'http://host:5000/?a=b'],
    ['REGISTRY_UPSTREAM', 'private'],
    ['REGISTRY_DOMAIN', 'registry_domain'],
    ['REGISTRY_DOMAIN', '.example.com'],
    ['BOOTSTRAP_ADMIN_EMAIL', 'admin'],
    ['BOOTSTRAP_ADMIN_PASSWORD', 'ninechars'],
    ['BOOTSTRAP_ADMIN_TOKEN', `drm_0123456789abcdef_${'A'.repeat(49)}`],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', 'proxy.example.com'],
    ['TRUSTED_PROXIES', '10.0.0.0/8/8'],
    ['DNS_SERVERS', 'dns.example.com'],
    ['LEASE_SECONDS', '2'],
    ['LEASE_SECONDS', '61'],
    ['LEASE_SECONDS', '3.5'],
    ['GATE_DRAIN_SECONDS', '-1'],
    ['AUDIT_KEY', 'PRIVATE+KEY+a'],
    ['MASTER_KEY', 'short'],
    ['DNS_SERVERS', '10.0.0.53:65536'],
    ['PUBLIC_URL', 'http://keys.example.com'],
    ['PUBLIC_URL', 'https://keys.example.com/dockreg'],
    ['PUBLIC_URL', 'keys.example.com'],
    ['OIDC_ISSUER', 'http://id.example.com'],
    ['OIDC_ISSUER', 'https://user:secret@id.example.com'],
    ['OIDC_ISSUER', 'https://id.example.com/?a=b'],
    ['OIDC_SCOPES', 'email profile'],
    ['DEFAULT_PLAN', 'gold'],
    ['LOG_LEVEL', 'loud'],
  ])('%s is not %s', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(`^${name}: `)]);
  });

  it.each([
    ['EVENTSTORE_URL', 'kurrentdb+discover://user:secret@a:2113,b:2113?tls=true', 'eventStoreUrl'],
    ['EVENTSTORE_URL', 'esdb://127.0.0.1:2113?tls=false', 'eventStoreUrl'],
    ['REDIS_URL', 'rediss://:secret@host:6379/1', 'redisUrl'],
    ['REGISTRY_UPSTREAM', 'none', 'registryUpstream'],
    ['PUBLIC_URL', 'http://localhost:3000', 'publicUrl'],
  ] as const)('%s may be %s', (name, value, property) => {
    expect(readSettings({ [name]: value })[property]).toBe(value);
  });
});

describe('the refusal', () => {
  it('names all problems at once', () => {
    const environment = { API_PROT: '1', API_PORT: 'x', GATE_PORT: 'y', REDIS_URL: 'z', LOG_LEVEL: 'loud' };
    expect(problemsOf(environment).map((problem) => problem.split(/[: ]/)[0])).toEqual(
      Object.keys(environment),
    );
  });

  // Whatever the value is (a typo, a password in the wrong place, a URL with credentials), no message repeats a part of it.
  it.each(NAMES)('of %s never repeats the value', (name) => {
    const canary = 'c4n4ry';
    const values = [
      canary,
      `${canary}" not in choices [${canary}`,
      `${canary}\nsecond line`,
      `http://user:${canary}@host/path?${canary}`,
      `kurrentdb:// ${canary}`,
      `drm_0123456789abcdef_${canary.padEnd(49, '0')}`,
      canary.repeat(200),
    ];
    for (const value of values) {
      expect(problemsOf({ [name]: value, API_PROT: value }).join('\n')).not.toContain(canary);
    }
  });
});
