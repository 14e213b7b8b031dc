import type { Agent } from 'node:http';
import { basic, exchange, type Answer } from './http-exchange.js';

export interface GeneratedKey {
  readonly id: string;
  /** The whole key, `drk_…`. */
  readonly key: string;
  readonly name: string;
  readonly expiresAt: string | null;
}

export interface ListedKey {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly permission: string;
  readonly createdAt: string;
}

export interface KeyEvent {
  readonly type: string;
  readonly at: string;
  readonly actor: { readonly type: string; readonly id: string };
  readonly data: Readonly<Record<string, unknown>>;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** How keys are generated unless a test says otherwise. */
const PLAIN = { name: 'test', permission: 'read-write' };

/** A client of one server, as a program with an access token and as a registry client. */
export class Api {
  constructor(
    readonly port: number,
    private readonly token: string,
    private readonly gatePort: number,
  ) {}

  /** Any call of the management API with the access token. */
  call(path: string, options: { method?: string; body?: unknown; headers?: object; agent?: Agent } = {}) {
    const headers = { authorization: `Bearer ${this.token}`, ...options.headers };
    return exchange(this.port, { ...options, path, headers });
  }

  /** A call that must succeed; its body. */
  async get<Body>(path: string): Promise<Body> {
    return bodyOf<Body>(await this.call(path), 200);
  }

  async createRegistry(slug: string, hosts: readonly string[] = []): Promise<{ id: string }> {
    const body = { slug, name: slug, hosts };
    return bodyOf(await this.call('/v1/registries', { body }), 201);
  }

  async generateKey(changes: object = {}, registry = 'myapp'): Promise<GeneratedKey> {
    const body = { ...PLAIN, ...changes };
    return bodyOf(await this.call(`/v1/registries/${registry}/keys`, { body }), 201);
  }

  async revoke(
    id: string,
    registry = 'myapp',
    agent?: Agent,
  ): Promise<{ status: string; revokedAt: string }> {
    const options = { method: 'POST', ...(agent && { agent }) };
    return bodyOf(await this.call(`/v1/registries/${registry}/keys/${id}/revoke`, options), 200);
  }

  /** All items of a list, by following its cursors. */
  async all<Item>(path: string): Promise<Item[]> {
    const items: Item[] = [];
    for (let next: string | null = ''; next !== null;) {
      const after: string = next === '' ? '' : `&after=${next}`;
      const page: Page<Item> = await this.get(`${path}${path.includes('?') ? '' : '?limit=200'}${after}`);
      items.push(...page.items);
      next = page.next;
    }
    return items;
  }

  list(registry = 'myapp'): Promise<ListedKey[]> {
    return this.all(`/v1/registries/${registry}/keys`);
  }

  events(id: string, registry = 'myapp'): Promise<KeyEvent[]> {
    return this.all(`/v1/registries/${registry}/keys/${id}/events`);
  }

  async typesOf(id: string): Promise<string[]> {
    return (await this.events(id)).map(({ type }) => type);
  }

  /** The position of the newest event in the server's tables, of whatever kind but leases. */
  async position(): Promise<string> {
    return (await this.get<{ checkpoint: string }>('/v1/status')).checkpoint;
  }

  /** Types of the lifecycle facts after a position. Counts of usage, which the server writes on its own, are none. */
  async writtenSince(position: string): Promise<string[]> {
    const { items } = await this.get<Page<{ type: string }>>(`/v1/changes?after=${position}&wait=0`);
    return items.map(({ type }) => type);
  }

  /** `GET /v2/` at the gate, which is what `docker login` asks. */
  v2(key: string, options: { user?: string; host?: string; agent?: Agent } = {}): Promise<Answer> {
    const { user = key, host, agent } = options;
    const headers = { authorization: basic(user, key), ...(host && { host }) };
    return exchange(this.gatePort, { path: '/v2/', headers, ...(agent && { agent }) });
  }
}

/** The JSON of an answer with this status. The text of any other is in the error: it is a problem, which holds no secret. */
export function bodyOf<Body>({ status, text }: Answer, expected: number): Body {
  if (status !== expected) throw new Error(`${status} instead of ${expected}: ${text}`);
  return JSON.parse(text) as Body;
}
