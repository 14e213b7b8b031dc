import { expect } from '@jest/globals';
import { formatKey } from '#libs/kernel';
import type { GeneratedKey } from './api.js';
import { basic, exchange, type Answer, type Exchange } from './http-exchange.js';
import { dockerLogin, skopeoCopy } from './programs.js';
import { randomSecret, type ServerProcess } from './server-process.js';

const KEYS = '/v1/registries/myapp/keys';

/** A port that leads to the gate: its own, or that of a proxy in front of it. */
export interface Door {
  readonly port: number;
  /** Who signed the proxy's certificate; undefined: plain HTTP. */
  readonly ca?: string;
}

/**
 * Does with keys, tokens and passwords all that people do with them, right and wrong, through every door, and keeps what
 * came back.
 */
export class SecretLife {
  readonly keys: GeneratedKey[] = [];
  /** Well-formed, and of no installation. */
  readonly unknownKey = formatKey(`drk_${randomSecret().slice(0, 16)}`, randomSecret());
  sessionToken = '';
  /** Texts and headers of all answers but those that hand a secret out. */
  readonly #answers: string[] = [];

  constructor(
    private readonly server: ServerProcess,
    private readonly doors: readonly Door[],
    private readonly password: string,
    private readonly image: string,
  ) {}

  /** Signs in and generates a key with the session. */
  async signIn(): Promise<void> {
    const path = '/v1/session';
    const body = { email: 'admin@localhost', password: this.password };
    const { headers, text } = await exchange(this.server.apiPort, { path, body });
    this.#answers.push(text);
    const [cookie] = headers['set-cookie']![0]!.split(';');
    this.sessionToken = cookie!.split('=')[1]!;
    const own = { cookie: cookie!, origin: `http://127.0.0.1:${this.server.apiPort}` };
    const generate = { path: KEYS, headers: own, body: { name: 'by session', permission: 'read' } };
    this.keys.push(JSON.parse((await exchange(this.server.apiPort, generate)).text) as GeneratedKey);
    await this.#keep(exchange(this.server.apiPort, { path, headers: own }));
  }

  /** Generates, logs in, pushes, is refused, and revokes. */
  async useKeys(): Promise<void> {
    const { api, installation } = this.server;
    for (const permission of ['read', 'read-write']) this.keys.push(await api.generateKey({ permission }));
    const [, reader, writer] = this.keys as [GeneratedKey, GeneratedKey, GeneratedKey];
    for (const { port } of this.doors) {
      const host = `127.0.0.1:${port}`;
      const login = await dockerLogin(installation.folder, host, writer.key, writer.key);
      expect(login.output).toContain('Login Succeeded');
      const images = [`oci:${this.image}:latest`, `docker://${host}/team/app:v1`] as const;
      const push = await skopeoCopy(...images, writer.key, writer.key);
      expect(push.code).toBe(0);
      const refused = await skopeoCopy(...images, reader.key, reader.key);
      expect(refused.code).not.toBe(0);
    }
    await api.revoke(reader.id);
    for (const { key } of [reader, writer]) {
      await this.#keepAll({ path: '/v2/', headers: { authorization: basic(key, key) } });
    }
    await this.#keep(api.call(KEYS));
    await this.#keep(api.call(`${KEYS}/${reader.id}/events`));
  }

  /** Puts secrets where they do not belong. */
  async failInEveryWay(): Promise<void> {
    const { api, apiPort, installation } = this.server;
    const { token } = installation;
    const session = { path: '/v1/session', headers: { cookie: `dockreg_session=${this.sessionToken}x` } };
    await this.#keep(exchange(apiPort, session));
    for (const secret of [this.keys[2]!.key, this.unknownKey, token, this.password]) {
      const inPath = encodeURIComponent(secret);
      const { length } = secret;
      const good = { name: 'x', permission: 'read' };
      // An unknown name is repeated to whoever sent it, without keys; nothing tells a password from a misspelt name.
      const asName = secret !== this.password;
      const bodies = [
        ...(asName ? [{ ...good, [secret]: 1 }] : []),
        { ...good, permission: secret },
        { ...good, expiresIn: secret },
      ];
      for (const body of [...bodies, { ...good, networks: [secret] }, `{"name":"${secret}`, `"${secret}"`]) {
        await this.#refused(api.call(KEYS, { body }));
      }
      const paths = [
        `${KEYS}/${inPath}`,
        `${KEYS}/${inPath}/events`,
        ...(asName ? [`${KEYS}?${inPath}=1`] : []),
        `${KEYS}?sort=${inPath}`,
      ];
      for (const path of [...paths, `/v1/registries/${inPath}`, `/${inPath}`, `${KEYS}?after=${inPath}`]) {
        await this.#refused(api.call(path));
      }
      await this.#refused(api.call(`${KEYS}/${inPath}/revoke`, { method: 'POST' }));
      const signIn = { path: '/v1/session', body: { email: secret, password: `${secret}!` } };
      await this.#refused(exchange(apiPort, signIn));
      for (const authorization of [basic(secret, secret), `Bearer ${secret}${length}`, secret]) {
        await this.#refused(exchange(apiPort, { path: KEYS, headers: { authorization } }));
      }
      await this.#refuseAtDoors(secret);
    }
  }

  async #refuseAtDoors(secret: string): Promise<void> {
    const inPath = encodeURIComponent(secret);
    const credentials = [basic(secret, secret), `Bearer ${secret}${secret.length}`, secret];
    const asked: Exchange[] = [
      ...credentials.map((authorization) => ({
        path: `/v2/${inPath}/tags/list`,
        headers: { authorization },
      })),
      { path: '/v2/', headers: { host: inPath } },
      { path: `/${inPath}?${inPath}` },
      { path: `/v2/?account=${inPath}`, headers: { 'user-agent': secret, cookie: secret } },
    ];
    for (const door of this.doors) {
      for (const one of asked) await this.#refused(exchange(door.port, { ...door, ...one }));
    }
  }

  /** A key, pasted where a tag or an argument belongs by someone whose key is good, or sent as another header. */
  async mistakeKeysForNames(): Promise<void> {
    const { api, installation } = this.server;
    const { id, key } = this.keys[2]!;
    const authorization = basic(id, key);
    for (const secret of [key, this.unknownKey, installation.token]) {
      for (const path of [`/v2/a/manifests/${secret}`, `/v2/a/tags/list?n=${secret}`]) {
        for (const door of this.doors) {
          await this.#refused(exchange(door.port, { ...door, path, headers: { authorization } }), false);
        }
      }
      const headers = { authorization, 'user-agent': secret, referer: secret };
      await this.#keepAll({ path: '/v2/', headers });
      const body = { name: 'x', permission: 'read' };
      const generated = await api.call(KEYS, { body, headers: { 'idempotency-key': secret } });
      this.keys.push(JSON.parse(generated.text) as GeneratedKey);
    }
  }

  /** What operators look at, and all answers. */
  async seenByOperators(): Promise<string[]> {
    const { apiPort, gatePort } = this.server;
    for (const port of [apiPort, gatePort]) {
      for (const path of ['/metrics', '/readyz', '/v1/status']) await this.#keep(exchange(port, { path }));
    }
    return this.#answers;
  }

  /** `isOurs`: the answer is this program's own; that of the registry behind the gate may quote the caller's path. */
  async #refused(call: Promise<Answer>, isOurs = true): Promise<void> {
    const answer = await call;
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    if (isOurs) this.#answers.push(answer.text, JSON.stringify(answer.headers));
  }

  async #keepAll(asked: Exchange): Promise<void> {
    for (const door of this.doors) await this.#keep(exchange(door.port, { ...door, ...asked }));
  }

  async #keep(call: Promise<Answer>): Promise<void> {
    const { text, headers } = await call;
    this.#answers.push(text, JSON.stringify(headers));
  }
}
