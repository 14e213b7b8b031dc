import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root, run, step } from './steps.mjs';

/** What the server and the command line run, and the examples. */
const application = {
  name: 'application',
  project: 'tsconfig.build.json',
  folders: ['apps', 'libs', 'docs/examples'],
};
/** The same and the programs of `npm run bench` and `npm run eval:…`. */
const benchmarks = {
  name: 'benchmarks',
  project: '.setup/tsconfig.bench.json',
  folders: ['apps', 'libs', 'test/bench', 'test/eval'],
};

export const ensureBuilt = () => compile(application);
export const ensureBenchmarksBuilt = () => compile(benchmarks);

/** Compiles into dist/ unless the sources, the options and the locked packages are those of the last good build. */
async function compile({ name, project, folders }) {
  const stamp = join(root, 'dist', `.${name}.stamp`);
  const sources = folders.flatMap((folder) => filesBelow(folder)).filter(isCompiled);
  const hash = hashOf([...sources, project, 'tsconfig.json', 'package.json', 'package-lock.json']);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return false;
  await step(`building the ${name}`, () => {
    rmSync(stamp, { force: true });
    removeOrphans();
    run(process.execPath, [join(root, 'node_modules/typescript-native/bin/tsc'), '-p', project]);
    mkdirSync(dirname(stamp), { recursive: true });
    writeFileSync(stamp, hash);
  });
  return true;
}

/** Deletes what was compiled from a source that is gone: a stray module must not keep a broken import alive. */
function removeOrphans() {
  for (const file of filesBelow('dist')) {
    const source = relative('dist', file).replace(/\.js(\.map)?$/, '');
    const isOutput = /\.js(\.map)?$/.test(file);
    if (isOutput && !existsSync(join(root, `${source}.ts`)) && !existsSync(join(root, `${source}.tsx`))) {
      rmSync(join(root, file));
    }
  }
}

function isCompiled(file) {
  return /\.tsx?$/.test(file) && !file.endsWith('.spec.ts');
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const text = readFileSync(join(root, file));
    hash.update(`${file}\0${text.length}\0`).update(text);
  }
  return hash.digest('hex');
}

/** Paths relative to the project's folder; none when `folder` does not exist. */
function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
