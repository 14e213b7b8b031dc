// node .setup/summary.mjs <report of Jest> <exit code of Jest>: prints `N passed, N failed` and exits accordingly.
import { existsSync, readFileSync } from 'node:fs';

const [file, exitCode] = process.argv.slice(2);
const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
const passed = report?.numPassedTests ?? 0;
// A spec file that cannot be loaded runs no test, and counts as one that failed; so does a run that said nothing.
const failed = report ? report.numFailedTests + report.numRuntimeErrorTestSuites : 1;
const isGood = exitCode === '0' && failed === 0 && passed > 0;
console.log(`${passed} passed, ${isGood ? 0 : Math.max(failed, 1)} failed`);
process.exit(isGood ? 0 : 1);
