export * from './detector.js';
export type { Details, Finding } from './finding.js';
export { alertId } from './finding.js';
export { KEY_STATE_BYTES_MAX } from './key-state.js';
export * from './rules.js';
export * from './settings.js';
export * from './usage-input.js';
