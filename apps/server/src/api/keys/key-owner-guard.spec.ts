import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { EventLog } from '#libs/event-store';
import { rightsOf } from '#libs/identity';
import type { RecordedFact, Role } from '#libs/kernel';
import { generateKey, keys, type KeyState } from '#libs/keys';
import { keyTable, registryTable, type ReadModels } from '#libs/read-models';
import { Database } from '#libs/sqlite';
import { temporaryDirectory } from '../../../../../test/support/temporary-directory.js';
import { RequiresOfKey, setCaller, type Caller } from '../http/caller.js';
import { KeyOwnerGuard } from './key-owner-guard.js';

const KEY = 'drk_AAAAAAAAAAAAAAAA';
const at = '2026-01-01T00:00:00.000Z';
const born = (registry: string) =>
  generateKey({
    at, registry, registryRevision: '0', createdBy: 'usr_a', name: 'CI', permission: 'read', description: null, labels: {},
    secretHash: 'ab'.repeat(32), expiresAt: null, repositories: [], networks: [], expectedCountries: [],
  })(keys.initial); // prettier-ignore

class Routes {
  @RequiresOfKey('own-keys', 'any-keys') ofKey(): void {}
  ofAll(): void {}
}

describe('the guard of keys, on a node whose tables have not heard of the key', () => {
  const directory = temporaryDirectory();
  let database: Database;
  let inLog: KeyState;
  let asked: number;

  beforeAll(() => {
    database = new Database(join(directory.path, 'models.sqlite'));
    for (const { schema } of [registryTable, keyTable]) database.exec(schema);
    const data = { at, slug: 'team', name: 'Team', plan: 'free', createdBy: 'usr_a' };
    registryTable.apply(database, {
      type: 'RegistryCreated',
      data,
      id: 'reg_a',
      revision: 0n,
    } as RecordedFact);
  });
  afterAll(() => {
    database.close();
    directory.remove();
  });

  const log = { read: () => Promise.resolve({ state: inLog, asked: ++asked }) } as unknown as EventLog;
  const passes = (userId: string, role: Role, key = KEY, route: keyof Routes = 'ofKey') => {
    const request = { params: { registry: 'team', key } } as unknown as FastifyRequest;
    setCaller(request, { userId, rights: () => rightsOf(role) } as unknown as Caller);
    const context = {
      getHandler: () => Routes.prototype[route],
      switchToHttp: () => ({ getRequest: () => request }),
    } as unknown as ExecutionContext;
    const guard = new KeyOwnerGuard({ database } as ReadModels, log, new Reflector());
    asked = 0;
    return guard.canActivate(context);
  };
  const refused = { code: 'not-permitted' };

  it('asks the log whose key it is', async () => {
    inLog = born('reg_a').reduce(keys.evolve, keys.initial);
    await expect(passes('usr_a', 'developer')).resolves.toBe(true);
    await expect(passes('usr_b', 'developer')).rejects.toMatchObject(refused);
    await expect(passes('usr_b', 'auditor')).rejects.toMatchObject(refused);
    await expect(passes('usr_b', 'admin')).resolves.toBe(true);
    expect(asked).toBe(0);
  });

  it('leaves a key of another registry, none, and what is no id of a key to the route', async () => {
    inLog = born('reg_b').reduce(keys.evolve, keys.initial);
    await expect(passes('usr_b', 'developer')).resolves.toBe(true);
    inLog = keys.initial;
    await expect(passes('usr_b', 'developer')).resolves.toBe(true);
    expect(asked).toBe(1);
    await expect(passes('usr_b', 'developer', 'drk_a-b')).resolves.toBe(true);
    expect(asked).toBe(0);
  });

  it('has nothing to say about other routes', async () => {
    inLog = born('reg_a').reduce(keys.evolve, keys.initial);
    await expect(passes('usr_b', 'developer', KEY, 'ofAll')).resolves.toBe(true);
  });
});
