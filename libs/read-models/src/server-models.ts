import { join } from 'node:path';
import { alertTable } from './alert-table.js';
import { grantTable } from './grant-table.js';
import { keyTable } from './key-table.js';
import { memberTable } from './member-table.js';
import { notificationTable } from './notification-table.js';
import { notificationSecretTable } from './notification-secrets.js';
import type { Projection } from './projection.js';
import { reminderTable } from './reminder-table.js';
import { reservationTable } from './reservation-table.js';
import { registryTable } from './registry-table.js';
import { rotationTable } from './rotation-table.js';
import { usageTable } from './usage-table.js';

/** What a node keeps that has a gate beside other roles. */
export const SERVER_PROJECTIONS: readonly Projection[] = [
  registryTable,
  memberTable,
  keyTable,
  reminderTable,
  reservationTable,
  rotationTable,
  grantTable,
  notificationTable,
  alertTable,
  notificationSecretTable,
  usageTable,
];

/** Read-model files are told apart by what they hold. */
export function serverModelFile(dataDir: string): string {
  return join(dataDir, 'read-models', 'server.sqlite');
}

/** What a node keeps that has no gate: no hash of the secret of any key. */
export const API_PROJECTIONS: readonly Projection[] = [
  registryTable,
  memberTable,
  keyTable,
  reminderTable,
  rotationTable,
  notificationTable,
  reservationTable,
  alertTable,
  notificationSecretTable,
  usageTable,
];

export function apiModelFile(dataDir: string): string {
  return join(dataDir, 'read-models', 'api.sqlite');
}

/** What a gate alone keeps: grants and hosts, no key's name or description, and nobody's membership. */
export const GATE_PROJECTIONS: readonly Projection[] = [registryTable, grantTable];

export function gateModelFile(dataDir: string): string {
  return join(dataDir, 'read-models', 'gate.sqlite');
}
