// npm run build: the locked packages and dist/, whatever of them is stale.
import './require-node.mjs';

const { orExplain } = await import('./steps.mjs');
const { ensureReadyToBuild } = await import('./setup.mjs');

await orExplain(ensureReadyToBuild);
