export * from './base62.js';
export * from './durations.js';
export * from './fact.js';
export * from './fact-type.js';
export * from './key-format.js';
export * from './refusal.js';
export * from './roles.js';
export * from './stream.js';
