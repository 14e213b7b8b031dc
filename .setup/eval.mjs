// npm run eval:alerts, npm run eval:nab: one program of test/eval/, with the arguments that follow `--`.
import './require-node.mjs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const { orExplain, root } = await import('./steps.mjs');
const { ensureReadyToBuild } = await import('./setup.mjs');
const { ensureBenchmarksBuilt } = await import('./compile.mjs');

const [name, ...words] = process.argv.slice(2);
await orExplain(ensureReadyToBuild);
await orExplain(ensureBenchmarksBuilt);
const program = join(root, 'dist/test/eval', `${name}.js`);
process.exitCode =
  spawnSync(process.execPath, [program, ...words], { cwd: root, stdio: 'inherit' }).status ?? 1;
