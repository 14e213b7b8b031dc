export * from './catalogue.js';
export * from './deliveries.js';
export * from './events.js';
export * from './messages.js';
