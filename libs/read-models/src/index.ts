export * from './alert-rows.js';
export * from './alert-state.js';
export { alertTable, readConfiguration, type ConfigurationRow } from './alert-table.js';
export { rebuildModels } from './build.js';
export { eachKey, grantTable, type GrantRow } from './grant-table.js';
export * from './key-list.js';
export {
  dueKeys,
  endedGraces,
  findKey,
  findKeyAt,
  foldName,
  keyTable,
  unlinkedSuccessors,
  unprovenRevocations,
  type KeyRow,
} from './key-table.js';
export { keyReaches, lineageOf, type KeyReach } from './key-versions.js';
export { countLivingKeys, livingKeys } from './living-keys.js';
export {
  allMembers,
  findMember,
  listMembers,
  memberTable,
  ownersOf,
  type MemberRow,
} from './member-table.js';
export {
  countDeliveries,
  dueDeliveries,
  findChannel,
  findDelivery,
  listChannels,
  listDeliveries,
  type ChannelRow,
  type DeliveryRow,
} from './notification-rows.js';
export { notificationTable } from './notification-table.js';
export { DENIALS_OF_REGISTRY_KEPT, listDenials, type DenialRow } from './denials.js';
export { lastUses, type LastUse } from './last-uses.js';
export { modelStatus, type ModelStatus } from './model-status.js';
export { notificationSecretHash } from './notification-secrets.js';
export type { Projection } from './projection.js';
export { ReadModels, type ReadModelsOptions } from './read-models.js';
export {
  eachRegistryAndHost,
  findRegistry,
  listRegistries,
  registryOfUpstream,
  registryTable,
  type RegistryAtGate,
  type RegistryRow,
} from './registry-table.js';
export {
  NAME_KINDS,
  reservationTable,
  unfinishedReservations,
  type NameKind,
  type UnfinishedReservation,
} from './reservation-table.js';
export { dueReminders, reminderTable, type ReminderRow } from './reminder-table.js';
export {
  dueRotations,
  endedSchedules,
  rotationTable,
  type DueRotation,
  type EndedSchedule,
} from './rotation-table.js';
export { ReplayDisplay, type ProgressOutput } from './replay-display.js';
export { pagesAfter, ReplayMeter, type ReplayProgress } from './replay.js';
export {
  API_PROJECTIONS,
  apiModelFile,
  GATE_PROJECTIONS,
  gateModelFile,
  SERVER_PROJECTIONS,
  serverModelFile,
} from './server-models.js';
export { NothingToVerify, verifyModels, type Drift, type Verification } from './verify.js';
export * from './usage-reads.js';
export {
  forgetUsage,
  HOURS_KEPT,
  MINUTE_MS,
  MINUTES_KEPT,
  USAGE_STEPS,
  usageKeptFrom,
  usageWholeFrom,
} from './usage-table.js';
