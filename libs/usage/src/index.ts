export * from './catalogue.js';
export * from './clients.js';
export type { DeniedUse } from './denial-count.js';
export * from './facts.js';
export { type AcceptedUse, FACT_BYTES_MAX } from './key-minute.js';
export * from './usage-counter.js';
export * from './denial-texts.js';
