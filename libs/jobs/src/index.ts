export * from './job-queue.js';
export * from './job-report.js';
