// npm test [-- <arguments of Jest>]; with --long first, the slow specs (*.long.spec.ts) and only those.
import './require-node.mjs';

const { orExplain } = await import('./steps.mjs');
const { ensureReadyToTest } = await import('./setup.mjs');
const { jest } = await import('./jest.mjs');

await orExplain(ensureReadyToTest);
const [first, ...others] = process.argv.slice(2);
process.exitCode =
  first === '--long' ? await jest(others, { TEST_LONG: '1' }) : await jest(process.argv.slice(2));
