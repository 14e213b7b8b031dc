import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { formatKey } from '#libs/kernel';
import type { GeneratedKey, ListedKey } from './api.js';
import { sightingsBelow, sightingsIn, type Canary } from './canary.js';
import { CommandLine, type Ran } from './cli-process.js';
import { dockerLogin } from './programs.js';
import { addMember, register, type Person } from './people.js';
import { Installation, randomSecret, type ServerProcess } from './server-process.js';

const installation = new Installation();
const { token, password } = installation;
const canaries: Canary[] = [
  { name: 'access token', secret: token },
  { name: 'secret of the access token', secret: token.slice(21, 64) },
  { name: 'password', secret: password },
];

let server: ServerProcess;
let url: string;
/** Signed in by the environment. */
let admin: CommandLine;
let viewer: Person;

beforeAll(async () => {
  requirePrograms('redis-server', 'docker-registry', 'docker', 'script');
  server = await installation.start();
  url = `http://127.0.0.1:${server.apiPort}`;
  admin = new CommandLine(installation.folder, { DOCKREG_URL: url, DOCKREG_TOKEN: token });
  viewer = await register(server.api, 'viewer');
  await addMember(server.api, 'myapp', viewer.userId, 'viewer');
}, 40_000);
afterAll(() => installation.remove(), 20_000);

/** An address where nobody listens. */
async function closedPort(): Promise<string> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  return `http://127.0.0.1:${port}`;
}

const keys = (...args: string[]): Promise<Ran> => admin.run(['keys', ...args]);
const json = <Body>({ code, out, err }: Ran): Body => {
  expect({ code, err }).toMatchObject({ code: 0 });
  return JSON.parse(out) as Body;
};

describe('dockreg keys', () => {
  it('generates a key that is alone on standard output, and docker login works as the hint says', async () => {
    const { code, out, err } = await keys(
      'generate', 'ci', '-p', 'read-write', '--expires-in', 'P90D', '--repository', 'team/*', '--repository', 'web/*',
      '--network', '127.0.0.0/8', '--label', 'env=prod', '--label', 'team=edge=1', '--description', 'for CI',
    ); // prettier-ignore
    expect(code).toBe(0);
    expect(out).toMatch(/^drk_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\n$/);
    const key = out.trim();
    canaries.push({ name: 'key', secret: key }, { name: 'secret of the key', secret: key.slice(21, 64) });
    const id = key.slice(0, 20);
    expect(err).toContain(`docker login -u ${id} 127.0.0.1:${server.gatePort} --password-stdin`);
    expect(err).not.toContain(key.slice(21));
    const shown = json<Record<string, unknown>>(await keys('show', 'ci', '--json'));
    expect(shown).toEqual(await server.api.get(`/v1/registries/myapp/keys/${id}`));
    expect(shown).toMatchObject({
      id, permission: 'read-write', repositories: ['team/*', 'web/*'], networks: ['127.0.0.0/8'],
      labels: { env: 'prod', team: 'edge=1' }, description: 'for CI',
    }); // prettier-ignore
    const login = await dockerLogin(installation.folder, `127.0.0.1:${server.gatePort}`, id, key);
    expect(login.output).toContain('Login Succeeded');
  }, 30_000);

  it('generates once for one Idempotency-Key, and says that the key was shown', async () => {
    const args = ['generate', 'once', '--idempotency-key', 'job-1', '--json', '--quiet'];
    const { id, key } = json<GeneratedKey>(await keys(...args));
    canaries.push({ name: 'key of once', secret: key });
    const again = await keys(...args);
    expect(again).toMatchObject({
      code: 6,
      out: '',
      err: expect.stringContaining(`dockreg keys revoke ${id}`),
    });
  });

  it('lists by every filter, as rows for a program and as the JSON of the API', async () => {
    await server.api.generateKey({
      name: 'Filter A',
      permission: 'read',
      labels: { kind: 'f' },
      expiresIn: 'P1D',
    });
    await server.api.generateKey({ name: 'filter b', permission: 'read', labels: { kind: 'g' } });
    const named = async (...args: string[]): Promise<string[]> => {
      const { code, out } = await keys('list', '--name', 'FILTER', ...args);
      expect(code).toBe(0);
      return out.split('\n').slice(0, -1).map((line) => line.split('\t')[0]!);
    }; // prettier-ignore
    expect(await named()).toEqual(['filter b', 'Filter A']);
    expect(await named('--sort', 'createdAt')).toEqual(['Filter A', 'filter b']);
    expect(await named('--label', 'kind=f')).toEqual(['Filter A']);
    expect(await named('--label', 'kind')).toHaveLength(2);
    expect(await named('--status', 'revoked,expired')).toEqual([]);
    expect(await named('--permission', 'read-write')).toEqual([]);
    expect(await named('--created-by', 'me')).toHaveLength(2);
    expect(await named('--expires-before', '2999-01-01T00:00:00Z')).toEqual(['Filter A']);
    expect(await named('--limit', '1')).toEqual(['filter b']);
    expect(await named('--limit', '1', '--all')).toHaveLength(2);
    const page = json<{ next: string }>(await keys('list', '--name', 'filter', '--limit', '1', '--json'));
    expect(page).toEqual(await server.api.get('/v1/registries/myapp/keys?q=filter&limit=1'));
    expect(await named('--limit', '1', '--after', page.next)).toEqual(['Filter A']);
  }, 30_000);

  it('suspends, resumes and revokes a key by its name, with the receipt, and tells its history', async () => {
    const { id } = await server.api.generateKey({ name: 'life' });
    expect((await keys('suspend', 'life')).out).toContain('status\tsuspended');
    expect((await keys('resume', id)).out).toContain('status\tactive');
    const answer = await keys('revoke', 'life', '--yes', '--json');
    expect(answer.err).toContain('dockreg verify-receipt');
    const file = `${installation.folder}/revoked.json`;
    writeFileSync(file, answer.out);
    const verifier = (await admin.run(['audit-key', 'show'])).out.trim();
    expect((await admin.run(['verify-receipt', file, '--key', verifier])).out).toContain('Valid');
    expect((await keys('revoke', id, '--yes', '--json')).out).toBe(answer.out);
    const types = (await keys('events', id)).out.split('\n').map((line) => line.split('\t')[1]);
    expect(types.slice(0, 4)).toEqual(['KeyGenerated', 'KeySuspended', 'KeyResumed', 'KeyRevoked']);
  }, 30_000);

  it('revokes many by a filter, after a dry run', async () => {
    for (const name of ['bulk 1', 'bulk 2']) await server.api.generateKey({ name, labels: { bulk: 'yes' } });
    const dry = await keys('revoke', '--label', 'bulk=yes', '--dry-run');
    expect(dry.out.trim().split('\n')).toHaveLength(2);
    expect(await keys('revoke', '--label', 'bulk=yes')).toMatchObject({ code: 2 });
    const living = () =>
      server.api.get<{ items: ListedKey[] }>('/v1/registries/myapp/keys?label=bulk&status=active');
    expect((await living()).items).toHaveLength(2);
    expect((await keys('revoke', '--label', 'bulk=yes', '--yes')).out).toBe(
      'matched\t2\nrevoked\t2\nfailed\t0\n',
    );
    expect((await living()).items).toEqual([]);
  }, 30_000);

  it('asks at a terminal for the name of what it revokes, and does nothing when it is not given', async () => {
    const { id } = await server.api.generateKey({ name: 'precious' });
    const no = await admin.atTerminal(['keys', 'revoke', 'precious'], [['Type its name: ', 'y']]);
    expect(no).toMatchObject({
      code: 1,
      out: expect.stringContaining(`Revoke precious (${id}, read-write) of myapp`),
    });
    expect((await server.api.get<ListedKey>(`/v1/registries/myapp/keys/${id}`)).status).toBe('active');
    const yes = await admin.atTerminal(['keys', 'revoke', id], [['Type its name: ', 'precious']]);
    expect(yes).toMatchObject({ code: 0, out: expect.stringMatching(/status .*revoked/) });
    expect((await keys('revoke', 'life-of-nobody')).code).toBe(5);
  }, 30_000);

  it('shows a table as wide as the terminal, and in colours unless they are not wanted', async () => {
    const long = 'a name of more than a hundred characters '.repeat(3).trim();
    await server.api.generateKey({ name: `table ${long}`, permission: 'read' });
    const args = ['keys', 'list', '--name', 'table'];
    const { out } = await admin.atTerminal(args, [], {}, 90);
    expect(out).toContain('\u001b[1mNAME');
    expect(out).toContain('\u001b[32mactive');
    const plain = await admin.atTerminal(args, [], { NO_COLOR: '1' }, 90);
    expect(plain.out).not.toContain('\u001b[3');
    const [head, row] = plain.out.split('\n');
    expect(row!.length).toBeLessThanOrEqual(90);
    expect(row).toMatch(/^table a name of .*…  drk_\w{16}  read        active  never/);
    expect(head!.indexOf('STATUS')).toBe(row!.indexOf('active'));
    expect((await keys('list', '--name', 'table')).out).toContain(`table ${long}\tdrk_`);
  }, 30_000);
});

describe('dockreg registries', () => {
  it('creates, lists and shows what the API answers', async () => {
    const made = json(await admin.run(['registries', 'create', 'team-a', '--host', '127.0.0.9', '--json']));
    expect(made).toMatchObject({
      slug: 'team-a',
      name: 'team-a',
      hosts: expect.arrayContaining(['127.0.0.9']),
    });
    expect(json(await admin.run(['registries', 'show', 'team-a', '--json']))).toEqual(made);
    const { items } = json<{ items: unknown[] }>(await admin.run(['registries', 'list', '--json']));
    expect(items).toContainEqual(made);
    const which = await keys('list');
    expect(which).toMatchObject({ code: 2, err: expect.stringContaining('myapp, team-a') });
    expect((await admin.run(['keys', 'list'], '', { DOCKREG_REGISTRY: 'team-a' })).err).toContain('No keys.');
  }, 30_000);
});

describe('a command that fails', () => {
  const myapp = { DOCKREG_REGISTRY: 'myapp' };
  const asViewer = (...args: string[]) => admin.run(args, '', { ...myapp, DOCKREG_TOKEN: viewer.token });

  it.each<[string, number, RegExp, () => Promise<Ran>]>([
    ['what the API refuses', 2, /^error: .* \(expiry-in-past, req_\w{16}\)\n {2}Explained at http/,
      () => keys('generate', 'x', '-r', 'myapp', '--expires-at', '2020-01-01T00:00:00Z')],
    ['an option that does not exist', 2, /unknown option/, () => keys('list', '--nothing')],
    ['no token', 4, /dockreg login/, () => admin.run(['keys', 'list'], '', { DOCKREG_TOKEN: '' })],
    ['an ended token', 4, /not-authenticated/,
      () => admin.run(['registries'], '', { DOCKREG_TOKEN: formatKey(`drm_${'a'.repeat(16)}`, randomSecret()) })],
    ['no right', 5, /not-permitted.*\n {2}An owner/, () => asViewer('keys', 'generate', 'x')],
    ['a registry that is not there', 5, /not-found/, () => keys('list', '-r', 'nowhere')],
    ['a conflict', 6, /slug-taken/, () => admin.run(['registries', 'create', 'myapp'])],
    ['no server', 7, /ECONNREFUSED/, async () => admin.run(['registries'], '', { DOCKREG_URL: await closedPort() })],
  ])('for %s ends with %i, says so on standard error, and prints nothing else', async (_why, exitCode, text, call) => {
    const { code, out, err } = await call();
    expect({ code, out, err }).toEqual({ code: exitCode, out: '', err: expect.stringMatching(text) });
  }); // prettier-ignore

  it('because an argument holds a secret, or an address a password, does not repeat it', async () => {
    const refused = { code: 2, out: '', err: expect.stringContaining('An argument holds a whole key') };
    for (const secret of [token, canaries.at(-1)!.secret]) {
      const show = ['keys', 'show', '-r', 'myapp', secret];
      for (const args of [show, ['login', `--token=${secret}`], [secret], ['keys', `x${secret}`]]) {
        expect(await admin.run(args)).toEqual(refused);
      }
    }
    expect((await admin.run(['status', '--url', `http://admin:${password}@127.0.0.1`])).code).toBe(2);
  }, 30_000);
});

describe('dockreg status', () => {
  it('needs nobody signed in, and is what the API answers', async () => {
    const stranger = new CommandLine(`${installation.folder}/stranger`);
    expect((await stranger.run(['status', '--url', url])).out).toMatch(/state\tready\nsigned in\tnobody/);
    const answer = json<{ ready: boolean }>(await stranger.run(['status', '--url', url, '--json']));
    expect(Object.keys(answer)).toEqual(Object.keys(await server.api.get<object>('/v1/status')));
  });
});

describe('a secret', () => {
  it('is in no output of any command above but where it is handed out, and in no file', () => {
    const handedOut = /^drk_\w{66}\n$|"key": "drk_/;
    const text = admin.seen.filter((output) => !handedOut.test(output)).join('\n');
    expect(text.length).toBeGreaterThan(5_000);
    expect(sightingsIn('outputs', Buffer.from(text), canaries)).toEqual([]);
    const { sightings } = sightingsBelow(installation.folder, canaries, []);
    expect(sightings).toEqual([]);
  });
});
