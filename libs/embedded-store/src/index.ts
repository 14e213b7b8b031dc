export { startEmbeddedStore, StoreFailed } from './start.js';
export type { EmbeddedStore } from './start.js';
export { StoreLocked, StoreUnreadable } from './storage.js';
