export { ApiProblem, NoAnswer, type Fault } from './api-problem.js';
export { dockregApi, type DockregApi, type DockregOptions } from './dockreg-api.js';
export { eachItem } from './lists.js';
export type { components, paths } from './schema.js';
