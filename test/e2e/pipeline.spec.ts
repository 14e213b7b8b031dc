import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import type { KeyEvent, ListedKey } from './api.js';
import { run, type Ran } from './programs.js';
import { Installation, type ServerProcess } from './server-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = join(root, 'docs/examples/pipeline.sh');
/** A CI job is read at one sitting. */
const SCRIPT_LINES_MAX = 15;

const installation = new Installation();
const { folder, token } = installation;
let server: ServerProcess;
beforeAll(async () => {
  requirePrograms('redis-server', 'docker-registry', 'docker', 'curl');
  server = await installation.start();
  mkdirSync(join(folder, 'bin'));
  writeFileSync(
    join(folder, 'bin/dockreg'),
    `#!/bin/sh\nexec ${process.execPath} ${join(root, 'dist/apps/cli/src/main.js')} "$@"\n`,
    { mode: 0o755 },
  );
}, 40_000);
afterAll(() => installation.remove(), 20_000);

/** Runs a program as a CI job would, in a folder of its own. */
function job(name: string, program: string, args: readonly string[], settings: object = {}): Promise<Ran> {
  const cwd = join(folder, name);
  mkdirSync(cwd);
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
    HOME: cwd,
    DOCKREG_URL: `http://127.0.0.1:${server.apiPort}`,
    DOCKREG_TOKEN: token,
    DOCKREG_REGISTRY: 'myapp',
    GATE: `127.0.0.1:${server.gatePort}`,
    CI_JOB_ID: name,
    ...settings,
  };
  return run('env', ['-C', cwd, program, ...args], env);
}

describe.each([
  ['pipeline.sh', 'sh', [SCRIPT]],
  ['pipeline.ts', process.execPath, [join(root, 'dist/docs/examples/pipeline.js')]],
])('docs/examples/%s', (name, program, args) => {
  const keys = async (): Promise<ListedKey[]> =>
    (await server.api.list()).filter((key) => key.name === 'pipeline');

  it('generates a key, logs in with it, revokes it, and checks the receipt', async () => {
    const before = (await keys()).length;
    const { code, output } = await job(name, program, args);
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('Valid') });
    const [key, ...others] = (await keys()).slice(0, (await keys()).length - before);
    expect({ key, others }).toMatchObject({
      key: { status: 'revoked', permission: 'read-write' },
      others: [],
    });
    const events: KeyEvent[] = await server.api.events(key!.id);
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['KeyGenerated', 'KeyRevoked', 'KeyRevocationProven']),
    );
    const kept = JSON.parse(readFileSync(join(folder, name, 'revoked.json'), 'utf8')) as { id: string };
    expect(kept.id).toBe(key!.id);
    expect(output).not.toMatch(/dr[km]_\w{66}/);
  }, 30_000);

  it('leaves no key that works when what stands between fails', async () => {
    const before = (await keys()).length;
    const { code, output } = await job(`${name}-fails`, program, args, { GATE: '127.0.0.1:9' });
    const after = await keys();
    expect({ code, keys: after.length }).toEqual({ code: 1, keys: before + 1 });
    expect(after.filter(({ status }) => status !== 'revoked')).toEqual([]);
    expect(output).not.toMatch(/dr[km]_\w{66}/);
  }, 30_000);

  it('fails when the API refuses, and says why', async () => {
    const { code, output } = await job(`${name}-refused`, program, args, { DOCKREG_REGISTRY: 'nowhere' });
    expect(code).not.toBe(0);
    expect(output).toMatch(/404|not-found/);
  }, 30_000);
});

describe('the script', () => {
  it(`has at most ${SCRIPT_LINES_MAX} lines`, () => {
    const lines = readFileSync(SCRIPT, 'utf8').trim().split('\n');
    expect(lines.length).toBeLessThanOrEqual(SCRIPT_LINES_MAX);
  });
});
