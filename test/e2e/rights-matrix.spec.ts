import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GeneratedKey } from './api.js';
import { RIGHT_OF, ROLES_WITH } from './declared-rights.js';
import { exchange, type Answer } from './http-exchange.js';
import { addMember, narrowed, register, type Person } from './people.js';
import { Installation, type ServerProcess } from './server-process.js';

const ROLES = ['owner', 'admin', 'developer', 'auditor', 'viewer'] as const;
const REGISTRIES = ['ours', 'theirs', 'missing'] as const;
const CELLS_MIN = 840;
/** Refused by every operation, once the caller may use it: so that no cell changes anything. */
const UNKNOWN = '?matrix=1';

/** Who calls, and what that caller may do by the table. */
interface Subject {
  readonly name: string;
  readonly token: string | undefined;
  /** Roles by registry; `administrator` has all rights. An access token of a member has the roles that both leave. */
  readonly roles: (registry: string) => readonly string[] | undefined;
  readonly administers: boolean;
}

interface Cell {
  readonly subject: Subject;
  /** Whose key the path names, if any. */
  readonly keyOf: 'own' | 'other';
  readonly registry: (typeof REGISTRIES)[number];
  readonly answer: Answer;
}

interface ApiDocument {
  readonly paths: Record<
    string,
    Record<
      string,
      { description?: string; 'x-required-right'?: string; 'x-required-right-for-keys-of-others'?: string }
    >
  >;
}

const installation = new Installation({ REGISTRY_UPSTREAM: 'none' });
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const subjects: Subject[] = [];
const keys = new Map<string, Record<'ours' | 'theirs', string>>();
let server: ServerProcess;
let document: ApiDocument;
let cells = 0;

const hidden = () => undefined;
const everywhere =
  (...roles: string[]) =>
  () =>
    roles;
const inOurs =
  (...roles: string[]) =>
  (registry: string) =>
    registry === 'ours' ? roles : undefined;

/** Members of `ours`, of each role; access tokens of its owner and of the administrator that are narrowed to each. */
async function inviteSubjects(): Promise<void> {
  const { api } = server;
  const administrator = {
    name: 'administrator',
    token: installation.token,
    roles: everywhere('administrator'),
    administers: true,
  };
  subjects.push(administrator);
  subjects.push({ name: 'nobody', token: undefined, roles: hidden, administers: false });
  const none = await register(api, 'none');
  subjects.push({ name: 'user without a role', token: none.token, roles: hidden, administers: false });
  const people = new Map<string, Person>();
  for (const role of ROLES) {
    const person = await register(api, role);
    people.set(role, person);
    await addMember(api, 'ours', person.userId, role);
    subjects.push({ name: role, token: person.token, roles: inOurs(role), administers: false });
  }
  const owner = people.get('owner')!.api;
  for (const role of ROLES) {
    const [ownersToken, administratorsToken] = [
      await narrowed(owner, { role }),
      await narrowed(api, { role }),
    ];
    subjects.push({
      name: `token of the owner as ${role}`,
      token: ownersToken,
      roles: inOurs(role),
      administers: false,
    });
    subjects.push({
      name: `token of the administrator as ${role}`,
      token: administratorsToken,
      roles: everywhere(role),
      administers: false,
    });
  }
  const one = await narrowed(api, { registry: 'ours' });
  subjects.push({
    name: 'token of the administrator for one registry',
    token: one,
    roles: inOurs('administrator'),
    administers: false,
  });
}

/** A key of every user who may generate one, and one of somebody else, in both registries. */
async function generateKeys(): Promise<void> {
  const generate = async (token: string, registry: string): Promise<string> => {
    const headers = { authorization: `Bearer ${token}` };
    const body = { name: 'matrix', permission: 'read' };
    const answer = await exchange(server.apiPort, { path: `/v1/registries/${registry}/keys`, headers, body });
    return answer.status === 201 ? (JSON.parse(answer.text) as GeneratedKey).id : '';
  };
  const someone = await register(server.api, 'someone');
  for (const registry of ['ours', 'theirs'])
    await addMember(server.api, registry, someone.userId, 'developer');
  const others = {
    ours: await generate(someone.token, 'ours'),
    theirs: await generate(someone.token, 'theirs'),
  };
  keys.set('', others);
  for (const { name, token } of subjects) {
    if (token === undefined) continue;
    const ours = await generate(token, 'ours');
    if (ours !== '') keys.set(name, { ...others, ours });
  }
}

beforeAll(async () => {
  server = await installation.start();
  await server.api.createRegistry('ours', ['ours.example.com']);
  await server.api.createRegistry('theirs');
  await inviteSubjects();
  await generateKeys();
  document = JSON.parse((await exchange(server.apiPort, { path: '/openapi.json' })).text) as ApiDocument;
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await installation.remove();
}, 20_000);

/** Issuers add parameters of their own; without an issuer there is nothing at the address. */
const TAKES_ANYTHING = 'GET /v1/session/oidc/callback';

/** 400: the caller may, and only the unknown parameter is refused. */
function expected(operation: string, { subject, registry, keyOf }: Omit<Cell, 'answer'>): number {
  const declared = RIGHT_OF[operation]!;
  if (operation === TAKES_ANYTHING) return 404;
  if (declared === 'public') return 400;
  if (subject.token === undefined) return 401;
  if (declared === 'authenticated') return 400;
  if (!operation.includes('{registry}')) return subject.administers ? 400 : 403;
  const roles = registry === 'missing' ? undefined : subject.roles(registry);
  if (!roles) return 404;
  const right = typeof declared === 'string' ? declared : declared[keyOf === 'own' ? 0 : 1];
  if (right === 'administer') return subject.administers ? 400 : 403;
  return roles.some((role) => role === 'administrator' || ROLES_WITH[right]!.includes(role)) ? 400 : 403;
}

async function ask(operation: string, at: Omit<Cell, 'answer'>): Promise<Cell> {
  const [method, template] = operation.split(' ') as [string, string];
  const { subject, registry, keyOf } = at;
  const ofSubject = keyOf === 'own' ? keys.get(subject.name)! : keys.get('')!;
  const path = template
    .replace('{registry}', registry)
    .replace('{key}', ofSubject[registry === 'ours' ? 'ours' : 'theirs'])
    .replace('{user}', 'usr_0000000000000000')
    .replace('{host}', 'ours.example.com')
    .replace('{channel}', 'chn_0000000000000000')
    .replace('{delivery}', '00000000-0000-0000-0000-000000000000')
    .replace('{id}', template.includes('/users/') ? 'usr_0000000000000000' : 'drm_0000000000000000');
  const headers = subject.token === undefined ? {} : { authorization: `Bearer ${subject.token}` };
  const body = method === 'GET' ? {} : { body: { matrix: 1 } };
  const answer = await exchange(server.apiPort, { method, path: path + UNKNOWN, headers, ...body, agent });
  cells++;
  return { ...at, answer };
}

async function askAll(operation: string): Promise<Cell[]> {
  const registries = operation.includes('{registry}') ? REGISTRIES : (['missing'] as const);
  const all: Cell[] = [];
  for (const subject of subjects) {
    const isOfKey = typeof RIGHT_OF[operation] !== 'string' && keys.has(subject.name);
    for (const registry of registries) {
      all.push(await ask(operation, { subject, registry, keyOf: 'other' }));
      if (isOfKey && registry === 'ours') all.push(await ask(operation, { subject, registry, keyOf: 'own' }));
    }
  }
  return all;
}

const withoutRequestId = ({ status, headers, text }: Answer) => {
  const { 'dockreg-request-id': id, date: _date, ...rest } = headers;
  return { status, rest, text: text.replace(String(id), '') };
};

const operationsOf = ({ paths }: ApiDocument) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );

describe('the operations of the API', () => {
  it('are those of the table of rights, and each names its right in the OpenAPI document', () => {
    const declared = operationsOf(document).map(({ name, operation }) => {
      const others = operation['x-required-right-for-keys-of-others'];
      const right = operation['x-required-right'];
      return [name, others === undefined ? right : [right, others]];
    });
    expect(Object.fromEntries(declared)).toEqual(RIGHT_OF);
    for (const { name, operation } of operationsOf(document)) {
      expect({ name, description: operation.description }).toMatchObject({
        description: expect.stringMatching(/Needs /),
      });
    }
  });
});

describe('whoever may not', () => {
  it.each(Object.keys(RIGHT_OF))('%s is refused, and whoever may is not', async (operation) => {
    const all = await askAll(operation);
    const table = (statusOf: (cell: Cell) => number) =>
      all.map((cell) => `${cell.subject.name}, ${cell.registry}, key of ${cell.keyOf}: ${statusOf(cell)}`);
    expect(table(({ answer }) => answer.status)).toEqual(table((cell) => expected(operation, cell)));
  });

  it('see a registry is told the same of it as of one that does not exist, but for the request id', async () => {
    let compared = 0;
    for (const operation of Object.keys(RIGHT_OF).filter((name) => name.includes('{registry}'))) {
      for (const subject of subjects.filter(({ roles }) => !roles('theirs'))) {
        const [foreign, missing] = [
          await ask(operation, { subject, registry: 'theirs', keyOf: 'other' }),
          await ask(operation, { subject, registry: 'missing', keyOf: 'other' }),
        ].map(({ answer }) => withoutRequestId(answer));
        expect({ operation, ...foreign }).toEqual({ operation, ...missing });
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(200);
  });

  it(`do something is refused before anything is written, in ${CELLS_MIN} cells and more`, async () => {
    process.stderr.write(
      `rights: ${cells} cells, ${Object.keys(RIGHT_OF).length} operations, ${subjects.length} callers\n`,
    );
    expect(cells).toBeGreaterThan(CELLS_MIN);
    for (const registry of ['ours', 'theirs'] as const) {
      const statuses = (await server.api.list(registry)).map(({ status }) => status);
      expect(statuses.every((status) => status === 'active')).toBe(true);
    }
  });
});
