import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What `npm run docs:client` runs, but that it prints what it would write. */
function generated(): string {
  const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [program, ...args] = scripts['docs:client']!.replace(/ -o \S+$/, '').split(' ');
  const { status, stdout, stderr } = spawnSync(`node_modules/.bin/${program}`, args, {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

describe('the types of the client', () => {
  it('are those of docs/openapi.json; if not: npm run docs:client', () => {
    const committed = readFileSync(`${root}/libs/client/src/schema.ts`, 'utf8');
    expect(committed).toBe(generated());
  });
});
