import { chmodSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { formatKey } from '#libs/kernel';
import { sightingsBelow, sightingsIn, type Canary } from './canary.js';
import { CommandLine } from './cli-process.js';
import { Installation, randomSecret, type ServerProcess } from './server-process.js';

const installation = new Installation();
const { token, password } = installation;
const canaries: Canary[] = [
  { name: 'access token', secret: token },
  { name: 'secret of the access token', secret: token.slice(21, 64) },
  { name: 'password', secret: password },
];
const people: CommandLine[] = [];

let server: ServerProcess;
let url: string;
beforeAll(async () => {
  requirePrograms('redis-server', 'docker-registry', 'script');
  server = await installation.start();
  url = `http://127.0.0.1:${server.apiPort}`;
}, 40_000);
afterAll(() => installation.remove(), 20_000);

describe('dockreg login', () => {
  const login = (home: string): CommandLine => {
    people.push(new CommandLine(`${installation.folder}/${home}`));
    return people.at(-1)!;
  };

  it('stores a token of standard input where only its owner reads it, and every command then uses it', async () => {
    const person = login('by-token');
    const { code, out } = await person.run(['login', url, '--token-stdin'], `${token}\n`);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('signed in\tadmin@localhost') });
    expect(statSync(person.credentialsFile).mode & 0o777).toBe(0o600);
    expect((await person.run(['registries'])).out).toMatch(/^myapp\tmyapp\tenterprise\t/);
    expect((await person.run(['logout'])).err).toContain(`DELETE /v1/access-tokens/${token.slice(0, 20)}`);
    expect((await person.run(['registries'])).code).toBe(4);
    expect((await server.api.call('/v1/session')).status).toBe(200);
  }, 30_000);

  it('exchanges a password for a token, which is stored, and which logout ends', async () => {
    const person = login('by-password');
    const args = ['login', url, '--email', 'admin@localhost', '--password-stdin', '--expires-in', 'P1D'];
    expect(await person.run(args, password)).toMatchObject({ code: 0 });
    const stored = readFileSync(person.credentialsFile, 'utf8');
    const [own] = /drm_\w+/.exec(stored)!;
    expect(stored).not.toContain(password);
    const list = await server.api.get<{ items: { id: string; expiresAt: string }[] }>('/v1/access-tokens');
    expect(list.items.find(({ id }) => own.startsWith(id))?.expiresAt).toMatch(/Z$/);
    const sessions = await server.api.get<{ items: unknown[] }>('/v1/sessions');
    expect(sessions.items).toEqual([]);
    expect((await person.run(['logout'])).out).toContain('signed out');
    const late = await person.run(['status'], '', { DOCKREG_URL: url, DOCKREG_TOKEN: own });
    expect(late.out).toContain('the access token is not accepted');
  }, 30_000);

  it('asks at a terminal, and shows nothing of a secret that is typed', async () => {
    const person = login('at-terminal');
    const { code, out } = await person.atTerminal(
      ['login'],
      [
        ['Server (http://127.0.0.1:3000): ', url],
        ['Access token', ''],
        ['E-mail address: ', 'admin@localhost'],
        ['Password: ', password],
      ],
    );
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/signed in.* admin@localhost/) });
    expect(out).not.toContain(password);
    expect((await person.run(['registries'])).code).toBe(0);
  }, 30_000);

  it('takes a password as it is, with blanks around it, but for the one line end of a file', async () => {
    const spaced = `  ${randomSecret()} `;
    const made = await server.api.call('/v1/users', {
      method: 'POST',
      body: { email: 'blanks@example.com', name: 'Blanks', password: spaced },
    });
    expect(made.status).toBe(201);
    const args = ['login', url, '--email', 'blanks@example.com'];
    for (const [end, code] of [
      ['', 0],
      ['\n', 0],
      ['\r\n', 0],
      ['\n\n', 4],
    ] as const) {
      const person = login(`blanks-${Buffer.from(end).toString('hex')}`);
      expect(await person.run([...args, '--password-stdin'], spaced + end)).toMatchObject({ code });
      expect(await person.run([...args, '--password-stdin'], spaced.trim() + end)).toMatchObject({ code: 4 });
    }
    const typed = await login('blanks-typed').atTerminal(
      ['login', url],
      [
        ['Access token', ' '],
        ['E-mail address: ', ' blanks@example.com '],
        ['Password: ', spaced],
      ],
    );
    expect(typed.code).toBe(0);
  }, 60_000);

  it('takes a token with blanks around it, which are no part of it', async () => {
    const person = login('blanks-token');
    expect((await person.run(['login', url, '--token-stdin'], ` ${token} \n\n`)).code).toBe(0);
    expect((await person.run(['logout'])).code).toBe(0);
  }, 30_000);

  it.each([
    ['no access token', 'x'.repeat(70), 2],
    ['a registry key', formatKey(`drk_${randomSecret().slice(0, 16)}`, randomSecret()), 2],
    ['an unknown token', formatKey(`drm_${randomSecret().slice(0, 16)}`, randomSecret()), 4],
  ])('stores nothing of %s, and shows nothing of it', async (_what, secret, exitCode) => {
    const person = login(`wrong-${exitCode}-${secret.slice(0, 3)}`);
    const { code, out, err } = await person.run(['login', url, '--token-stdin'], secret);
    expect({ code, out }).toEqual({ code: exitCode, out: '' });
    expect(err).not.toContain(secret);
    expect(() => statSync(person.credentialsFile)).toThrow('ENOENT');
  });

  it('is refused where nobody can be asked, and a file that others can read is not used', async () => {
    const person = login('closed');
    expect(await person.run(['login', url])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--token-stdin'),
    });
    await person.run(['login', url, '--token-stdin'], token);
    chmodSync(person.credentialsFile, 0o644);
    expect(await person.run(['registries'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('chmod 600'),
    });
  }, 30_000);
});

describe('a secret', () => {
  it('is in no output of any command above, and in no file but the credentials', () => {
    const outputs = people.flatMap(({ seen }) => seen).join('\n');
    expect(outputs.length).toBeGreaterThan(1_000);
    expect(sightingsIn('outputs', Buffer.from(outputs), canaries)).toEqual([]);
    const { sightings } = sightingsBelow(installation.folder, canaries, []);
    const places = new Set(sightings.map(({ place }) => place));
    expect([...places]).toEqual(['closed/home/config/dockreg/credentials.json']);
  });
});
