import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { root, run, SetupError } from './steps.mjs';

/** Asked by every package's install script before it starts a service (Debian policy, invoke-rc.d(8)). */
const policyFile = '/usr/sbin/policy-rc.d';
const policyMark = '# Written by the set-up of Dockreg Keys';

/** Another apt may be running; it is waited for this long. */
const aptLock = ['-o', 'DPkg::Lock::Timeout=120'];
const quiet = ['-q', '-o', 'Dpkg::Use-Pty=0'];
const aptEnvironment = () => ({ ...process.env, DEBIAN_FRONTEND: 'noninteractive' });

/**
 * Installs Debian packages; only root may. Their services are neither started nor enabled: the server and the tests
 * run the programs themselves, on their own data.
 */
export function installPackages(names) {
  withServicesHeldBack(() => {
    aptGet('update');
    aptGet('install', '-y', '--no-install-recommends', ...names);
  });
  if (!existsSync('/run/systemd/system')) return;
  for (const name of names)
    spawnSync('systemctl', ['disable', '--now', `${name}.service`], { stdio: 'ignore' });
}

function aptGet(...args) {
  run('apt-get', [...quiet, ...aptLock, ...args], { env: aptEnvironment() });
}

/** A policy that stands already is the administrator's, and stays. Ours allows everything again once we are gone. */
function withServicesHeldBack(work) {
  const foreign = existsSync(policyFile) && !readFileSync(policyFile, 'utf8').includes(policyMark);
  if (foreign) return work();
  const policy = ['#!/bin/sh', policyMark, `[ -d /proc/${process.pid} ] && exit 101`, 'exit 0', ''];
  writeFileSync(policyFile, policy.join('\n'), { mode: 0o755 });
  try {
    return work();
  } finally {
    rmSync(policyFile, { force: true });
  }
}

/**
 * Puts Debian's docker client, and nothing else of its package (the daemon would be started), into `folder`. Needs
 * no root where the package lists are present; otherwise throws a SetupError with `whatToInstall`.
 */
export function unpackDockerClient(folder, whatToInstall) {
  const isRoot = process.getuid() === 0;
  mkdirSync(folder, { recursive: true });
  const workFolder = mkdtempSync(join(root, '.cache', 'docker-'));
  try {
    if (!download(workFolder) && isRoot) {
      aptGet('update');
      download(workFolder);
    }
    const archive = readdirSync(workFolder).find((file) => file.endsWith('.deb'));
    if (!archive) throw new SetupError(whatToInstall);
    run('sh', ['-c', 'dpkg-deb --fsys-tarfile "$0" | tar -x ./usr/bin/docker', archive], { cwd: workFolder });
    renameSync(join(workFolder, 'usr/bin/docker'), join(folder, 'docker'));
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
  run(join(folder, 'docker'), ['--version']);
}

/** As root, apt would hand the download to a user that cannot write here. */
function download(folder) {
  const asRoot = process.getuid() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  const args = [...quiet, ...asRoot, 'download', 'docker.io'];
  const { status } = spawnSync('apt-get', args, {
    cwd: folder,
    stdio: ['ignore', process.stderr, process.stderr],
  });
  return status === 0;
}
