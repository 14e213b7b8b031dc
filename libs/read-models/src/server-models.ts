import { join } from 'node:path';
import { keyTable } from './key-table.js';
import type { Projection } from './projection.js';
import { registryTable } from './registry-table.js';

/** What a node with all roles keeps. */
export const SERVER_PROJECTIONS: readonly Projection[] = [registryTable, keyTable];

/** Read-model files are told apart by what they hold: a gate alone will have its own. */
export function serverModelFile(dataDir: string): string {
  return join(dataDir, 'read-models', 'server.sqlite');
}
