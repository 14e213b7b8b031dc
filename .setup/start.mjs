// npm start: set up, then become the server: no process stands between it and whoever sends it a signal.
import './require-node.mjs';

const { root, orExplain } = await import('./steps.mjs');
const { ensureReadyToStart } = await import('./setup.mjs');

await orExplain(ensureReadyToStart);
endWithNpm();
await import(`${root}/dist/apps/server/src/main.js`);

/**
 * npm passes signals on to its child, which is us: package.json says `exec`, so no shell stands in between. But whoever
 * kills npm with `kill -9` means this server too.
 */
function endWithNpm() {
  if (process.env.npm_lifecycle_event !== 'start') return;
  const npm = process.ppid;
  const everySecondMs = 1_000;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, everySecondMs);
  watch.unref();
}
