import { join } from 'node:path';
import { startEmbeddedStore, type EmbeddedStore } from '#libs/embedded-store';
import { RawEvents } from '#libs/event-store';
import { DnsServer } from '../../apps/server/src/api/registries/testing/dns-server.js';
import type { Api } from '../e2e/api.js';
import { addMember, register } from '../e2e/people.js';
import { Installation, randomSecret, type ServerProcess } from '../e2e/server-process.js';
import type { DocumentedOperation, Operation } from '../support/api-document.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import type { PathPart } from './draft.js';
import type { KnownIds } from './values.js';

/** Stands in everything that the other tenant has, and in nothing that is sent. */
const MARKER = 'MarkerOfTheOtherTenant';
/** Users and keys that may come to harm, made at the start and before each operation. */
const VICTIMS = 4;
const FRESH_KEYS = 6;
const PAGE = 500;
const LAST_WORDS_MAX = 2_000;

type Right = DocumentedOperation & { 'x-required-right'?: string };

/** A server with two tenants. Whoever calls is the owner of one, or the administrator where only that one may. */
export class World {
  private readonly folder = temporaryDirectory();
  private installation!: Installation;
  private store!: EmbeddedStore;
  private dns!: DnsServer;
  private log!: RawEvents;
  private head: bigint | undefined;
  private owner!: Api;
  /** Ids by the address of their collection, as far as the answers named any. */
  private readonly found = new Map<string, Set<string>>();
  private readonly foreign = new Map<string, readonly string[]>();
  private readonly protected = new Set<string>();
  /** What no answer to the owner may hold. */
  readonly foreignSecrets: string[] = [MARKER];
  /** What no answer may hold. */
  readonly secrets: string[] = [];
  ids!: KnownIds;
  server!: ServerProcess;
  private ownerToken!: string;

  static async start(): Promise<World> {
    const world = new World();
    world.store = await startEmbeddedStore({ directory: join(world.folder.path, 'events') });
    world.dns = await DnsServer.start();
    world.installation = new Installation({
      REGISTRY_UPSTREAM: 'none',
      EVENTSTORE_URL: world.store.connectionString,
      DNS_SERVERS: world.dns.address,
      // Deliveries go to a port of this machine at which nothing answers.
      ALLOW_PRIVATE_TARGETS: 'true',
    });
    world.server = await world.installation.start();
    world.log = new RawEvents(world.store.connectionString);
    await world.fill();
    return world;
  }

  private async fill(): Promise<void> {
    const { api, installation } = this.server;
    await api.createRegistry('ours', ['ours.example.net']);
    const theirs = await api.call('/v1/registries', {
      body: { slug: 'theirs', name: MARKER, hosts: ['theirs.example.net'] },
    });
    const { id: theirId } = JSON.parse(theirs.text) as { id: string };
    const owner = await register(api, 'owner');
    const other = await register(api, MARKER.toLowerCase());
    const victims = await Promise.all(
      Array.from({ length: VICTIMS }, (_, at) => register(api, `victim${at}`)),
    );
    await addMember(api, 'ours', owner.userId, 'owner');
    await addMember(api, 'theirs', other.userId, 'owner');
    for (const { userId } of victims.slice(1)) await addMember(api, 'ours', userId, 'viewer');
    [this.owner, this.ownerToken] = [owner.api, owner.token];
    const labels = { marker: MARKER };
    const key = await api.generateKey({ name: `${MARKER} key`, description: MARKER, labels }, 'theirs');
    this.foreign
      .set('registry', ['theirs', theirId])
      .set('key', [key.id])
      .set('host', ['theirs.example.net']);
    this.foreignSecrets.push(theirId, key.id, other.userId);
    this.secrets.push(
      installation.token.slice(21),
      owner.token.slice(21),
      installation.password,
      key.key.slice(21),
    );
    const administrator = await api.get<{ user: { id: string }; token: { id: string } }>('/v1/session');
    for (const id of [
      administrator.user.id,
      administrator.token.id,
      owner.userId,
      owner.token.slice(0, 20),
      other.userId,
      other.token.slice(0, 20),
    ])
      this.protected.add(id);
    const ours = await api.get<{ id: string }>('/v1/registries/ours');
    this.ids = { users: victims.map(({ userId }) => userId), registries: ['ours', ours.id] };
    this.remember('/v1/users', this.ids.users);
    this.remember('/v1/registries/{registry}/members', this.ids.users.slice(1));
    this.remember('/v1/registries/{registry}/hosts', ['ours.example.net']);
    await this.channels();
    await this.newEvents();
  }

  /** Some to change and to remove, with something that was delivered to them. */
  private async channels(): Promise<void> {
    const channels = '/v1/registries/{registry}/channels';
    const at = channels.replace('{registry}', 'ours');
    for (let number = 0; number < VICTIMS; number++) {
      const body = { kind: 'webhook', name: `channel ${number}`, url: 'http://127.0.0.1:9/hook' };
      const { id } = JSON.parse((await this.owner.call(at, { body })).text) as { id: string };
      this.remember(channels, [id]);
      const test = await this.owner.call(`${at}/${id}/test`, { method: 'POST' });
      this.remember('/v1/registries/{registry}/deliveries', [(JSON.parse(test.text) as { id: string }).id]);
    }
  }

  /** New keys of the owner, and tokens to end: what earlier operations did to theirs must not make all calls alike. */
  async refresh(): Promise<void> {
    const made = async (path: string, body: object): Promise<string> => {
      const { status, text } = await this.owner.call(path, { body });
      // A policy that was just fuzzed may refuse any key.
      return status === 201 ? (JSON.parse(text) as { id: string }).id : '';
    };
    const keys = Array.from({ length: FRESH_KEYS }, () =>
      made('/v1/registries/ours/keys', { name: `fresh ${randomSecret().slice(0, 8)}`, permission: 'read' }),
    );
    const fresh = (await Promise.all(keys)).filter(Boolean);
    if (fresh.length > 0) this.found.set('/v1/registries/{registry}/keys', new Set(fresh));
    this.remember(
      '/v1/access-tokens',
      [await made('/v1/access-tokens', { name: 'to be ended' })].filter(Boolean),
    );
    await this.newEvents();
  }

  credentials({ documented }: Operation): [string, string][] {
    const right = (documented as Right)['x-required-right'];
    if (right === 'public') return [];
    return [
      ['authorization', `Bearer ${right === 'administer' ? this.installation.token : this.ownerToken}`],
    ];
  }

  /** Whether the caller of the operation sees one tenant alone. */
  isOfOneTenant({ documented }: Operation): boolean {
    const right = (documented as Right)['x-required-right'];
    return right !== 'administer' && right !== 'public';
  }

  /** Writes down a part of the path of an operation. */
  segment({ path }: Operation, name: string, part: PathPart): string {
    if ('raw' in part) return part.raw;
    const foreign = this.foreign.get(name) ?? [];
    if ('foreign' in part && foreign.length > 0) return foreign[part.foreign % foreign.length]!;
    if (name === 'registry') return this.ids.registries['own' in part ? part.own % 2 : 0]!;
    const own = [...(this.found.get(path.slice(0, path.indexOf(`/{${name}}`))) ?? [])];
    if (own.length === 0) return 'none_0000000000000000';
    return own[('own' in part ? part.own : 0) % own.length]!;
  }

  /** Learns the ids of what an answer of the owner or the administrator shows. */
  learn(operation: Operation, text: string): void {
    if (operation.path.endsWith('}') || text === '') return;
    const { id, items = [] } = JSON.parse(text) as { id?: unknown; items?: readonly { id?: unknown }[] };
    const ids = [id, ...items.map((item) => item.id)].filter((one): one is string => typeof one === 'string');
    this.remember(operation.path, ids);
  }

  private remember(collection: string, ids: readonly string[]): void {
    const known = this.found.get(collection) ?? new Set();
    for (const id of ids) if (!this.protected.has(id)) known.add(id);
    this.found.set(collection, known);
  }

  /** The end of what the server wrote to its outputs. */
  get lastWords(): string {
    return this.server.output.slice(-LAST_WORDS_MAX);
  }

  /** What was written since the last call: types of events by the id of the request that they came from. */
  async newEvents(): Promise<Map<string, string[]>> {
    const byRequest = new Map<string, string[]>();
    for (;;) {
      const page = await this.log.readAllAfter(this.head, PAGE);
      for (const { type, metadata, position } of page) {
        this.head = position;
        const request = /req_[0-9A-Za-z]{16}/.exec(Buffer.from(metadata).toString())?.[0];
        if (request) byRequest.set(request, [...(byRequest.get(request) ?? []), type]);
      }
      if (page.length < PAGE) return byRequest;
    }
  }

  async remove(): Promise<void> {
    await this.log.close();
    await this.installation.remove();
    await this.store.close();
    this.dns.close();
    this.folder.remove();
  }
}
