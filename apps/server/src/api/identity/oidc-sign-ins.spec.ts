import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SubjectKeys } from '#libs/personal-data';
import { mintSignIn, OidcSignIns } from './oidc-sign-ins.js';

const MINUTE_MS = 60_000;
/** What RFC 6265, section 6.1, asks of browsers. */
const COOKIE_BYTES_MAX = 4_096;
const LONGEST_PATH = `/${'"'.repeat(499)}`;

const nodeWith = (byte: number) =>
  new OidcSignIns({ keyOf: () => Promise.resolve(Buffer.alloc(32, byte)) } as unknown as SubjectKeys);
const node = nodeWith(1);

/** A browser on this machine with its cookie. */
class Jar {
  cookie: string | undefined;
  setCookie = '';

  async begin(returnTo = '/') {
    const begun = { ...mintSignIn(), returnTo };
    await node.begin(this.request, this.reply, begun);
    return begun;
  }

  end(state: unknown, at = node) {
    return at.end(this.request, this.reply, state);
  }

  private get request(): FastifyRequest {
    return { headers: { cookie: this.cookie }, protocol: 'http', hostname: '127.0.0.1' } as FastifyRequest;
  }

  private get reply(): FastifyReply {
    const header = (_: string, value: string): void => {
      this.setCookie = value;
      this.cookie = value.split(';')[0];
    };
    return { header } as unknown as FastifyReply;
  }
}

afterEach(() => void jest.restoreAllMocks());

describe('the cookie of sign-ins under way', () => {
  it('says nothing to who reads it', async () => {
    const jar = new Jar();
    const { state, nonce, verifier } = await jar.begin('/registries/myapp');
    const readable = jar.cookie! + Buffer.from(jar.cookie!.split('=')[1]!, 'base64url').toString('latin1');
    for (const secret of [state, nonce, verifier, '/registries/myapp'])
      expect(readable).not.toContain(secret);
  });

  it('is gone with the last of them, and each comes back once', async () => {
    const jar = new Jar();
    const [one, other] = [await jar.begin('/one'), await jar.begin('/other')];
    expect(await jar.end(one.state)).toMatchObject(one);
    expect(await jar.end(one.state)).toBeUndefined();
    expect(jar.setCookie).toContain('; Max-Age=600;');
    expect(await jar.end(other.state)).toMatchObject(other);
    expect(jar.setCookie).toMatch(/^dockreg_oidc=; Max-Age=0;/);
  });

  it('fits a browser however often one begins: the oldest sign-ins go', async () => {
    const jar = new Jar();
    const first = await jar.begin(LONGEST_PATH);
    let last = first;
    for (let count = 0; count < 20; count++) {
      last = await jar.begin(LONGEST_PATH);
      expect(`__Host-${jar.setCookie}; Secure`.length).toBeLessThanOrEqual(COOKIE_BYTES_MAX);
    }
    expect(await jar.end(first.state)).toBeUndefined();
    expect(await jar.end(last.state)).toMatchObject(last);
  });

  it('holds for 10 minutes, however new another sign-in in it is', async () => {
    const jar = new Jar();
    const start = Date.now();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(start);
    const [early, late] = [await jar.begin(), await jar.begin()];
    clock.mockReturnValue(start + 10 * MINUTE_MS - 1);
    const next = await jar.begin();
    expect(await jar.end(early.state)).toMatchObject(early);
    clock.mockReturnValue(start + 10 * MINUTE_MS);
    expect(await jar.end(late.state)).toBeUndefined();
    expect(await jar.end(next.state)).toMatchObject(next);
  });

  it.each<[string, (value: string) => string]>([
    ['changed', (value) => value.slice(0, -1) + (value.endsWith('A') ? 'Q' : 'A')],
    ['cut short', (value) => value.slice(0, 10)],
    ['made up', () => Buffer.from('[{"state":"a","endsAt":9e15}]').toString('base64url')],
    ['of an earlier release', () => 'a'.repeat(43)],
  ])('counts for nothing when it is %s, and keeps nobody from beginning', async (_, change) => {
    const jar = new Jar();
    const { state } = await jar.begin();
    const [name, value] = jar.cookie!.split('=');
    jar.cookie = `${name}=${change(value!)}`;
    expect(await jar.end(state)).toBeUndefined();
    expect(await jar.end('a')).toBeUndefined();
    const again = await jar.begin();
    expect(await jar.end(again.state)).toMatchObject(again);
  });

  it('counts for nothing at another installation', async () => {
    const jar = new Jar();
    const { state } = await jar.begin();
    expect(await jar.end(state, nodeWith(2))).toBeUndefined();
  });
});
