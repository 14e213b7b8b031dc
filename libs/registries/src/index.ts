export * from './catalogue.js';
export * from './decisions.js';
export * from './host.js';
export * from './registry.js';
export * from './reservation.js';
export * from './slug.js';
