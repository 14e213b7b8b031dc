import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { AccessModel } from '#libs/access';
import { alerts, digests } from '#libs/alerts';
import { catalogue, eventsPage } from '#libs/catalogue';
import { installation } from '#libs/event-store';
import { administrators, users } from '#libs/identity';
import type { Fact, FactMetadata, Field, RecordedFact, StreamKind } from '#libs/kernel';
import { keys } from '#libs/keys';
import { leases } from '#libs/lease';
import { deliveries } from '#libs/notifications';
import { subjects } from '#libs/personal-data';
import { findKey, findRegistry, grantTable, keyTable, registryTable } from '#libs/read-models';
import { hosts, registries, slugs } from '#libs/registries';
import { Database } from '#libs/sqlite';
import { usage } from '#libs/usage';
import { temporaryDirectory } from './support/temporary-directory.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'test/stored-events');
const SUMS = 'SHA256SUMS';

/** One golden file: an event as the store keeps it. */
interface Stored extends Fact {
  readonly stream: string;
  readonly metadata: FactMetadata;
}

const files = readdirSync(folder).filter((file) => file !== SUMS);
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Stored;
const versions = catalogue.types.flatMap(({ type, version }) =>
  Array.from({ length: version }, (_, index) => `${type}.v${index + 1}.json`),
);

const kinds = Object.fromEntries(
  [
    installation,
    slugs,
    hosts,
    registries,
    keys,
    leases,
    users,
    administrators,
    subjects,
    usage,
    deliveries,
    alerts,
    digests,
  ].map((kind) => [kind.category, kind]),
) as unknown as Record<string, StreamKind<unknown, Fact>>;
/** What has to have happened in the stream so that a fact of this type changes anything. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  Released: ['Reserved'],
  HostAdded: ['RegistryCreated'],
  HostRemoved: ['RegistryCreated', 'HostAdded'],
  RegistryRenamed: ['RegistryCreated'],
  RegistryUpstreamChanged: ['RegistryCreated'],
  RegistryPolicyChanged: ['RegistryCreated'],
  RegistryPlanChanged: ['RegistryCreated'],
  MemberAdded: ['RegistryCreated'],
  MemberRoleChanged: ['RegistryCreated', 'MemberAdded'],
  MemberRemoved: ['RegistryCreated', 'MemberAdded'],
  ChannelConfigured: ['RegistryCreated'],
  ChannelRemoved: ['RegistryCreated', 'ChannelConfigured'],
  AlertRuleChanged: ['RegistryCreated'],
  RuleMuted: ['RegistryCreated'],
  AlertSettingsChanged: ['RegistryCreated'],
  NotificationSecretIssued: ['RegistryCreated'],
  NotificationSecretRemoved: ['RegistryCreated', 'NotificationSecretIssued'],
  KeyChanged: ['KeyGenerated'],
  KeySuspended: ['KeyGenerated'],
  KeyResumed: ['KeyGenerated', 'KeySuspended'],
  KeyRevoked: ['KeyGenerated'],
  KeyRevocationProven: ['KeyGenerated', 'KeyRevoked'],
  KeyExpired: ['KeyGenerated'],
  KeyLeakReported: ['KeyGenerated'],
  KeyRotated: ['KeyGenerated'],
  KeyExpiryReminded: ['KeyGenerated'],
  KeyRotationReminded: ['KeyGenerated'],
  ReminderSnoozed: ['KeyGenerated'],
  KeyRotationScheduled: ['KeyGenerated'],
  KeyRotationUnscheduled: ['KeyGenerated', 'KeyRotationScheduled'],
  KeyRotationLapsed: ['KeyGenerated', 'KeyRotationScheduled'],
  RotationDelivered: ['KeyGenerated', 'KeyRotationScheduled'],
  RotationFailed: ['KeyGenerated', 'KeyRotationScheduled'],
  UserInvited: ['UserRegistered'],
  UserPasswordChanged: ['UserRegistered'],
  UserIdentityLinked: ['UserRegistered'],
  UserDisabled: ['UserRegistered'],
  UserEnabled: ['UserRegistered', 'UserDisabled'],
  UserErased: ['UserRegistered'],
  UserSignedIn: ['UserRegistered'],
  AccessTokenIssued: ['UserRegistered'],
  AccessTokenRevoked: ['UserRegistered', 'AccessTokenIssued'],
  AdministratorWithdrawn: ['AdministratorGranted'],
  AlertRepeated: ['AlertRaised'],
  AlertAcknowledged: ['AlertRaised'],
  AlertResolved: ['AlertRaised'],
};

function recorded(file: string, position = 1n): RecordedFact {
  const { stream, ...fact } = read(file);
  const [category, id] = stream.split(/-(.*)/s) as [string, string];
  const place = { stream, category, id, revision: 0n, position, eventId: `${position}` };
  return catalogue.newest({ ...fact, ...place });
}

const matches: Readonly<Record<string, (value: unknown) => boolean>> = {
  time: (value) => typeof value === 'string' && new Date(value).toISOString() === value,
  text: (value) => typeof value === 'string',
  labels: (value) => Object.values(value as object).every((label) => typeof label === 'string'),
  texts: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  number: (value) => Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  object: isObject,
  objects: (value) => Array.isArray(value) && value.every(isObject),
};

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOfKind(value: unknown, [kind]: Field): boolean {
  const [name, orNull] = kind.split(' or ');
  return value === null ? orNull === 'null' : matches[name!]!(value);
}

describe('the golden files of stored events', () => {
  it('are there for every type and version of the catalogue, and for nothing else', () =>
    expect(files.sort()).toEqual(versions.sort()));

  it('have never been changed: each has the sum that it got when it was added', () => {
    const sums = files.sort().map((file) => {
      const sum = createHash('sha256').update(readFileSync(join(folder, file)));
      return `${sum.digest('hex')}  ${file}`;
    });
    expect(sums).toEqual(readFileSync(join(folder, SUMS), 'utf8').trim().split('\n'));
  });

  it('keep their sums: none has ever been taken out of the list or changed in it', () => {
    // A source archive has no history; whoever wants to change a file works in a clone.
    if (!existsSync(join(root, '.git'))) return;
    const changes = [
      ['log', '-p', '--format='],
      ['diff', 'HEAD'],
    ].map((command) =>
      execFileSync('git', ['-c', 'safe.directory=*', ...command, '--', join(folder, SUMS)], { cwd: root }),
    );
    expect(changes.join('\n').match(/^-[^-].*/gm)).toBeNull();
  });

  it.each(files)('%s is named after its type and version', (file) => {
    const { type, metadata } = read(file);
    expect(`${type}.v${metadata.schemaVersion}.json`).toBe(file);
  });

  it.each(files)('%s decodes into the newest version, as the catalogue describes it', (file) => {
    const { type, data, metadata, category } = recorded(file);
    const known = catalogue.types.find((one) => one.type === type)!;
    expect(known.categories).toContain(category);
    expect(metadata).toMatchObject({
      schemaVersion: known.version,
      ...(known.critical && { critical: true }),
    });
    expect(Object.keys(data)).toEqual(Object.keys(known.fields));
    for (const [name, value] of Object.entries(data)) {
      expect({ name, value, isOfKind: isOfKind(value, known.fields[name]!) }).toMatchObject({
        isOfKind: true,
      });
    }
  });

  it.each(files)('%s folds: it changes the state of its stream', (file) => {
    const { type, category } = recorded(file);
    const { initial, evolve } = kinds[category]!;
    const before = (BEFORE[type] ?? []).flatMap((earlier) =>
      files.filter((one) => one.startsWith(`${earlier}.`)),
    );
    const state = before.map((one) => recorded(one)).reduce(evolve, initial);
    expect(evolve(state, recorded(file))).not.toEqual(state);
  });

  it('build memory and tables, one after the other', () => {
    const directory = temporaryDirectory();
    const database = new Database(join(directory.path, 'models.sqlite'));
    const access = new AccessModel({ registryDomain: 'registry.localhost' });
    const projections = [registryTable, keyTable, grantTable];
    for (const { schema } of projections) database.exec(schema);
    const order = [
      'RegistryCreated', 'HostAdded', 'KeyGenerated', 'KeyChanged', 'KeySuspended', 'KeyResumed', 'KeyExpired', 'KeyRevoked',
    ]; // prettier-ignore
    const ordered = order.flatMap((type) => files.filter((file) => file.startsWith(`${type}.`)));
    const facts = ordered.map((file, index) => recorded(file, BigInt(index + 1)));
    for (const fact of facts) {
      access.apply(fact);
      for (const { apply, categories } of projections) {
        if (categories.includes(fact.category)) apply(database, fact);
      }
    }
    const [registry, key] = [facts[0]!.id, facts.at(-1)!.id];
    expect(findRegistry(database, 'myapp')).toMatchObject({ id: registry, hosts: ['images.example.com'] });
    expect(findKey(database, registry, key)).toMatchObject({
      status: 'revoked',
      name: 'CI',
      repositories: ['team/**'],
    });
    expect(access.registryOfHost('images.example.com')).toBe(registry);
    expect(access.grants.stateAt(access.grants.find(key), 0)).toBe('revoked');
    database.close();
    directory.remove();
  });
});

describe('the event catalogue', () => {
  it.each(catalogue.types.map((known) => [known.type, known] as const))(
    '%s has an example of the kinds that it names',
    (_, { example, fields }) => {
      expect(Object.keys(example)).toEqual(Object.keys(fields));
      const strange = Object.entries(example).filter(([name, value]) => !isOfKind(value, fields[name]!));
      expect(strange).toEqual([]);
    },
  );

  it('is what docs/events.md says; npm run docs:events writes it anew', () =>
    expect(readFileSync(join(root, 'docs/events.md'), 'utf8')).toBe(eventsPage()));
});
