export { administratorFacts, userFacts } from './catalogue.js';
export * from './administrators.js';
export * from './email.js';
export * from './identity-model.js';
export * from './rights.js';
export * from './user.js';
export * from './user-decisions.js';
