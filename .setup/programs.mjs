import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installPackages, unpackDockerClient } from './debian.mjs';
import { root, SetupError, step } from './steps.mjs';

/** Programs that are not packages of npm: the Debian package each comes from, and what it is here for. */
const table = {
  'redis-server': { debian: 'redis-server', why: 'job queue and sessions' },
  'docker-registry': { debian: 'docker-registry', why: 'the registry behind the gate' },
  skopeo: { debian: 'skopeo', why: 'the tests push and pull images with it' },
  nginx: { debian: 'nginx', why: 'the tests put it in front of the gate' },
  caddy: { debian: 'caddy', why: 'the tests put it in front of the gate' },
  buildah: { debian: 'buildah', why: 'the tests build, push and pull images with it' },
  faketime: { debian: 'faketime', why: 'the tests move the clock of a running server with it' },
  openssl: { debian: 'openssl', why: 'the tests make certificates with it' },
  curl: { debian: 'curl', why: 'the tests run the script of docs/examples with it' },
  docker: { debian: 'docker.io', why: 'the tests log in with it; a daemon is not needed', clientOnly: true },
};

/** What `npm start` runs on this configuration, with the setting that makes it superfluous. */
export function programsOfStart(env) {
  const needed = [];
  if (!env.REDIS_URL) needed.push({ name: 'redis-server', instead: 'REDIS_URL' });
  if (!env.REGISTRY_UPSTREAM || env.REGISTRY_UPSTREAM === 'private') {
    needed.push({ name: 'docker-registry', instead: 'REGISTRY_UPSTREAM' });
  }
  return needed;
}

export function programsOfTest() {
  return Object.keys(table).map((name) => ({ name }));
}

/** Programs that the set-up unpacks for this project alone. */
const ownPrograms = join(root, '.cache', 'bin');

/** Where Debian keeps services; the PATH of a plain user lacks it. */
const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Makes sure of the programs and puts their folders on this process's PATH. Installs only as root. */
export async function ensurePrograms(needed) {
  process.env.PATH = [process.env.PATH, ...systemFolders, ownPrograms].join(delimiter);
  const missing = needed.filter(({ name }) => !findProgram(name));
  if (missing.length === 0) return false;

  const client = missing.find(({ name }) => table[name].clientOnly);
  const packages = missing.filter((program) => program !== client);
  const mayInstall = process.getuid?.() === 0 && findProgram('apt-get');
  if (packages.length > 0 && !mayInstall) throw new SetupError(whatToInstall(missing));
  if (packages.length > 0) {
    const names = packages.map(({ name }) => table[name].debian);
    await step(`installing ${names.join(', ')}`, () => installPackages(names));
  }
  if (client) {
    await step('unpacking the docker client', () => unpackDockerClient(ownPrograms, whatToInstall([client])));
  }
  const absent = missing.filter(({ name }) => !findProgram(name));
  if (absent.length > 0) throw new SetupError(whatToInstall(absent));
  return true;
}

function whatToInstall(missing) {
  const lines = missing.map(({ name, instead }) => {
    const alternative = instead ? `; or set ${instead}` : '';
    return `  ${name}: ${table[name].why}${alternative}`;
  });
  const packages = missing.map(({ name }) => table[name].debian).join(' ');
  return [
    'Missing programs:',
    ...lines,
    'Install them as root:',
    `  apt-get update && apt-get install -y --no-install-recommends ${packages}`,
  ].join('\n');
}

function findProgram(name) {
  const folders = process.env.PATH.split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isExecutableFile);
}

function isExecutableFile(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
