// npm run docs:events: writes docs/events.md anew from the event catalogue.
import './require-node.mjs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { orExplain, root } = await import('./steps.mjs');
const { ensureReadyToBuild } = await import('./setup.mjs');

await orExplain(ensureReadyToBuild);
const { eventsPage } = await import('#libs/catalogue');
mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/events.md'), eventsPage());
