export * from './database.js';
export * from './directory-lock.js';
