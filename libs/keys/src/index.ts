export * from './catalogue.js';
export * from './decisions.js';
export * from './key.js';
export * from './leaks.js';
export * from './seen-facts.js';
