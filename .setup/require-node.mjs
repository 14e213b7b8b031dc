// Imported before anything else and written for old versions, so that they get this text instead of a syntax error.
import { readFileSync } from 'fs';
import { fileURLToPath } from 'url';

const manifest = JSON.parse(readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'));
const wanted = manifest.engines.node.replace('>=', '').split('.').map(Number);
const running = process.versions.node.split('.').map(Number);
if (running[0] < wanted[0] || (running[0] === wanted[0] && running[1] < wanted[1])) {
  console.error(
    `Dockreg Keys needs Node ${manifest.engines.node}; this is Node ${process.versions.node} (${process.execPath}).`,
  );
  process.exit(1);
}
