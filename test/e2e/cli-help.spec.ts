import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { CommandLine } from './cli-process.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/cli.md', import.meta.url)), 'utf8');

const directory = temporaryDirectory();
const line = new CommandLine(directory.path);
afterAll(() => directory.remove());

/** Names of the commands that a help text lists. */
function commandsIn(help: string): string[] {
  const lists = [...help.matchAll(/^(?:Commands|On an installation|Over the API[^\n]*):\n((?: +.*\n)+)/gm)];
  return lists
    .flatMap(([, list]) => [...list!.matchAll(/^ {2}([a-z-]+)/gm)])
    .map(([, name]) => name!)
    .filter((name) => name !== 'help');
}

/** The help of a command and of all below it, by their names. */
async function helpOf(command: readonly string[]): Promise<[string, string][]> {
  const { code, out, err } = await line.run([...command, '--help']);
  expect({ command, code, err }).toEqual({ command, code: 0, err: '' });
  const below: [string, string][] = [];
  for (const name of commandsIn(out)) below.push(...(await helpOf([...command, name])));
  return [[command.join(' '), out], ...below];
}

describe('the help', () => {
  it('of every command has an example that begins with it, its options and what they are, and its page tells of it', async () => {
    const all = await helpOf([]);
    const names = all.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining(['login', 'keys generate', 'registries create', 'backup', 'store']),
    );
    for (const [name, help] of all.slice(1)) {
      const [, shown = ''] = /\nExamples?:\n([^]*)$/.exec(help) ?? [];
      const ofParent = name.includes(' ') ? name : `${name}( |$)`;
      expect(shown).toMatch(new RegExp(`dockreg ${ofParent}`, 'm'));
      const isLeaf = !/^Commands:/m.test(help);
      if (isLeaf) expect(PAGE).toContain(`dockreg ${name}`);
    }
    expect(all[0]![1]).toContain('Exit codes: 0 = done');
  }, 60_000);
});
