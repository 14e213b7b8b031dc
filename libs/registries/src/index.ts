export * from './catalogue.js';
export * from './decisions.js';
export * from './host.js';
export * from './members.js';
export * from './registry.js';
export * from './reservation.js';
export * from './slug.js';
export * from './upstream.js';
