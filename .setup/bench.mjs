// npm run bench [-- <part of a name> …]: runs every program test/bench/*.ts, one after the other.
import './require-node.mjs';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const { orExplain, root, say } = await import('./steps.mjs');
const { ensureReadyToTest } = await import('./setup.mjs');
const { ensureBenchmarksBuilt } = await import('./compile.mjs');

const folder = join(root, 'test/bench');
const wanted = process.argv.slice(2);
const names = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.ts')) : [];
const chosen = names.filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
if (chosen.length === 0) {
  say(`No benchmark matches; there are: ${names.join(', ') || 'none'}`);
  process.exit(1);
}

await orExplain(ensureReadyToTest);
await orExplain(ensureBenchmarksBuilt);
for (const name of chosen.sort()) {
  say(`\n${name}`);
  const program = join(root, 'dist/test/bench', name.replace(/\.ts$/, '.js'));
  const { status } = spawnSync(process.execPath, ['--expose-gc', program], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
