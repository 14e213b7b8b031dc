import type { Settings } from '#libs/platform';
import {
  API_PROJECTIONS,
  apiModelFile,
  GATE_PROJECTIONS,
  gateModelFile,
  SERVER_PROJECTIONS,
  serverModelFile,
  type Projection,
} from '#libs/read-models';

/** Which tables this process keeps, and in which file: a gate alone has grants only, and no process has what it does not read. */
export function modelsOf({ roles, dataDir }: Pick<Settings, 'roles' | 'dataDir'>): {
  readonly file: string;
  readonly projections: readonly Projection[];
} {
  if (!roles.includes('gate')) return { file: apiModelFile(dataDir), projections: API_PROJECTIONS };
  if (roles.length === 1) return { file: gateModelFile(dataDir), projections: GATE_PROJECTIONS };
  return { file: serverModelFile(dataDir), projections: SERVER_PROJECTIONS };
}
