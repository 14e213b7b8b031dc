export { isStoreToken, newStoreToken, PortTaken, startEmbeddedStore, StoreFailed } from './start.js';
export type { EmbeddedStore, EmbeddedStoreOptions } from './start.js';
export { StoreLocked, StoreUnreadable } from './storage.js';
