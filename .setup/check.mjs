// npm run check: format, lint, types, dead code, and the tests that need no program. Every step runs; any may fail it.
import './require-node.mjs';
import { spawnSync } from 'node:child_process';

const { orExplain, root, say, seconds } = await import('./steps.mjs');
const { ensureReadyToBuild } = await import('./setup.mjs');
const { jestArguments } = await import('./jest.mjs');

const pureLibs = 'libs/(kernel|keys|registries|identity|alerts|usage|access|lease|audit)/';
const steps = {
  format: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
  lint: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'],
  types: ['node_modules/typescript-native/bin/tsc', '-p', 'tsconfig.json', '--noEmit'],
  'dead code': ['node_modules/knip/bin/knip.js', '--no-progress'],
  'unit tests': [...jestArguments, '--silent', pureLibs, 'test/tidy'],
};

await orExplain(ensureReadyToBuild);
const failed = Object.entries(steps).filter(([name, args]) => !passes(name, args));
if (failed.length > 0) {
  say(`check failed: ${failed.map(([name]) => name).join(', ')}`);
  process.exitCode = 1;
}

function passes(name, args) {
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  const ok = status === 0;
  say(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds(startedAt)})`);
  if (!ok) say(`${stdout}${stderr}`);
  return ok;
}
