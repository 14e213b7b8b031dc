import { relative } from 'node:path';
import Sequencer from '@jest/test-sequencer';
import { root } from './steps.mjs';

/** The specs that take long, the longest first: what begins last must be short, or one of the two workers idles at the end. */
const FIRST = ['test/fuzz/', 'test/faults/', 'test/e2e/', 'test/', 'apps/cli/'];

/** Jest's order, which is by size in a fresh clone and by time otherwise, within each of these folders and the rest. */
export default class LongestFirst extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    return sorted.sort((one, other) => rank(one) - rank(other));
  }
}

function rank({ path }) {
  const at = FIRST.findIndex((folder) => relative(root, path).startsWith(folder));
  return at === -1 ? FIRST.length : at;
}
