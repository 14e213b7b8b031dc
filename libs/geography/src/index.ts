export * from './geography.js';
export * from './truncated-network.js';
