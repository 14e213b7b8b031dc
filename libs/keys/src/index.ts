export * from './catalogue.js';
export * from './decisions.js';
export * from './handover.js';
export * from './key.js';
export * from './lifetimes.js';
export * from './reminders.js';
export * from './rotation.js';
export * from './seen-facts.js';
