export { catalogue } from './catalogue.js';
export { eventsPage } from './events-page.js';
