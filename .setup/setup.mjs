import { ensureBuilt } from './compile.mjs';
import { ensureGeography } from './geography.mjs';
import { ensurePackages } from './packages.mjs';
import { ensurePrograms, programsOfStart, programsOfTest } from './programs.mjs';
import { say } from './steps.mjs';

/** Programs come first: without the right to install them there is nothing to wait a minute for. */
async function ensure(programs) {
  const startedAt = performance.now();
  const worked = [
    await ensurePrograms(programs),
    await ensurePackages(),
    await ensureBuilt(),
    await ensureGeography(),
  ];
  if (!worked.includes(true)) say(`set-up: nothing to do (${Math.round(performance.now() - startedAt)} ms)`);
}

export const ensureReadyToStart = () => ensure(programsOfStart(process.env));
export const ensureReadyToTest = () => ensure(programsOfTest());
export const ensureReadyToBuild = () => ensure([]);
