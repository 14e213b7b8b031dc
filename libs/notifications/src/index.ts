export * from './catalogue.js';
export { oneLine } from './commands.js';
export * from './deliveries.js';
export * from './events.js';
export * from './messages.js';
