// npm test [-- <arguments of Jest>]; with --long first, the slow specs (*.long.spec.ts) and only those.
import './require-node.mjs';

const { orExplain } = await import('./steps.mjs');
const { ensureReadyToTest } = await import('./setup.mjs');
const { countingAnswers } = await import('./answers.mjs');
const { jest } = await import('./jest.mjs');

await orExplain(ensureReadyToTest);
const [first, ...others] = process.argv.slice(2);
const isLong = first === '--long';
const args = isLong ? others : process.argv.slice(2);
/** Options that say how the result is shown leave no spec out. */
const isWhole = !isLong && args.every((arg) => /^--(?:ci|json|silent|verbose|outputFile=.*)$/.test(arg));
process.exitCode = await countingAnswers(isWhole, (env) =>
  jest(args, { ...env, ...(isLong ? { TEST_LONG: '1' } : {}) }),
);
