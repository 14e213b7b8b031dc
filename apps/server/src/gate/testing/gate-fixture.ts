import { request, type ClientRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { AccessModel, type Action } from '#libs/access';
import { formatKey, hashSecret } from '#libs/kernel';
import type { Outcome } from '../answer.js';
import { startGate, type Gate, type GateOptions } from '../gate.js';

export const REGISTRY = 'reg_aaaaaaaaaaaaaaaa';
export const OTHER_REGISTRY = 'reg_bbbbbbbbbbbbbbbb';
/** Where `OTHER_REGISTRY` answers; `REGISTRY` answers on 127.0.0.1. */
export const OTHER_HOST = 'other.registry.example';
const AT = '2026-01-01T00:00:00.000Z';

export interface TestKey {
  readonly id: string;
  /** The whole key, `drk_…`. */
  readonly key: string;
  /** `Basic …` with the key's id as user name. */
  readonly authorization: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | Readable;
}

/** A gate on 127.0.0.1 with its model in the test's hands; times before `clock` and facts are as the test sets them. */
export class GateFixture {
  readonly access = new AccessModel({ registryDomain: 'registry.example' });
  readonly decisions: { outcome: Outcome; action: Action | undefined }[] = [];
  /** Everything that was logged, as JSON. */
  readonly logged: string[] = [];
  clock = Date.parse(AT);
  ready: true | string = true;
  gate!: Gate;
  #position = 0n;
  #keys = 0;

  static async start(options: Partial<GateOptions> = {}): Promise<GateFixture> {
    const fixture = new GateFixture();
    fixture.happens('RegistryCreated', REGISTRY, { slug: 'mine' });
    fixture.happens('HostAdded', REGISTRY, { host: '127.0.0.1' });
    fixture.happens('RegistryCreated', OTHER_REGISTRY, { slug: 'other' });
    const write = (object: object, message: string) =>
      fixture.logged.push(JSON.stringify({ object, message }));
    fixture.gate = await startGate({
      host: '127.0.0.1',
      port: 0,
      access: fixture.access,
      upstream: undefined,
      ready: () => fixture.ready,
      now: () => fixture.clock,
      log: { debug: write, info: write, warn: write, error: write },
      metrics: { decided: (outcome, action) => fixture.decisions.push({ outcome, action }) },
      ...options,
    });
    return fixture;
  }

  happens(type: string, id: string, data: object): void {
    this.access.apply({ type, id, data: { at: AT, ...data }, position: ++this.#position });
  }

  generateKey(permission: string, changes: object = {}): TestKey {
    const id = `drk_${String(++this.#keys).padStart(16, 'k')}`;
    const secret = String(this.#keys).padStart(43, 'S');
    const data = { registry: REGISTRY, permission, secretHash: hashSecret(secret), expiresAt: null };
    const unrestricted = { repositories: [], networks: [], expectedCountries: [] };
    this.happens('KeyGenerated', id, { ...data, ...unrestricted, ...changes });
    const key = formatKey(id, secret);
    return { id, key, authorization: basic(`${id}:${key}`) };
  }

  revoke({ id }: TestKey): void {
    this.happens('KeyRevoked', id, { registry: REGISTRY });
  }

  /** Begins a request whose body the test writes. A test that has its connection cut looks at the outcome elsewhere. */
  open(method: string, path: string, headers: OutgoingHttpHeaders): ClientRequest {
    const target = { host: '127.0.0.1', port: this.gate.port, method, path };
    return request({ ...target, headers, agent: false }).on('error', () => {});
  }

  /** Sends one request and reads the whole answer. */
  async ask(path: string, { method = 'GET', headers = {}, body }: AskOptions = {}): Promise<Answer> {
    const sent = request({ host: '127.0.0.1', port: this.gate.port, method, path, headers, agent: false });
    if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
    else body.pipe(sent);
    return new Promise((resolve, reject) => {
      sent.once('error', reject);
      sent.once('response', (response) => {
        buffer(response).then(
          (bytes) =>
            resolve({ status: response.statusCode!, headers: response.headers, body: bytes.toString() }),
          reject,
        );
      });
    });
  }

  /** Sends bytes as they are and returns all bytes of the answer. The request must ask for `Connection: close`. */
  async raw(bytes: string | Buffer): Promise<string> {
    const socket = connect(this.gate.port, '127.0.0.1');
    socket.end(bytes);
    return (await buffer(socket)).toString('latin1');
  }
}

export function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
