// npm run docs:events and docs:openapi: write docs/events.md from the event catalogue, docs/openapi.json from the routes.
import './require-node.mjs';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { orExplain, root } = await import('./steps.mjs');
const { ensureReadyToBuild } = await import('./setup.mjs');

await orExplain(ensureReadyToBuild);
const wanted = process.argv[2];
mkdirSync(join(root, 'docs'), { recursive: true });
const write = (name, text) => writeFileSync(join(root, 'docs', name), text);
const read = (name) =>
  existsSync(join(root, 'docs', name)) ? readFileSync(join(root, 'docs', name), 'utf8') : '';

if (wanted !== 'openapi') {
  const { eventsPage } = await import('#libs/catalogue');
  write('events.md', eventsPage());
}
if (wanted !== 'events') {
  await import('reflect-metadata');
  const { documentOfRoutes } = await import('../dist/apps/server/src/openapi-document.js');
  const { promisesOf } = await import('../dist/apps/server/src/openapi-promises.js');
  const document = await documentOfRoutes();
  write('openapi.json', `${JSON.stringify(document, null, 2)}\n`);
  // Promises are only added: one that goes away breaks programs, so a person takes it out, and says why.
  const promises = new Set([
    ...read('openapi.promises.txt').split('\n').filter(Boolean),
    ...promisesOf(document),
  ]);
  write('openapi.promises.txt', `${[...promises].sort((one, other) => (one < other ? -1 : 1)).join('\n')}\n`);
}
