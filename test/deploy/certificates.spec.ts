import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { composeFile, interpolated } from './compose-file.js';

/** Stands in for the program of the image: makes the files that it makes, and keeps what it was told. */
const CERTIFICATE_PROGRAM = `#!/bin/bash
set -eu
echo "$*" >> "$CALLS"
[ "$1" = create-ca ] && name=ca || name=node
while [ "$1" != -out ]; do shift; done
mkdir "$2"
echo "$name $RANDOM" > "$2/$name.crt"
echo key > "$2/$name.key"
`;
const VOLUMES = ['private', 'certificates', 'authority'];

const { path: folder, remove } = temporaryDirectory();
afterAll(remove);

/** Runs the service's script with its three volumes in `place`. */
function run(place: string, password: string) {
  const { entrypoint, command } = composeFile().services['certificates']!;
  const [shell, ...options] = entrypoint!;
  const script = VOLUMES.reduce(
    (text, volume) =>
      text
        .replaceAll(`/${volume}/`, `${join(place, volume)}/`)
        .replaceAll(` /${volume}\n`, ` ${join(place, volume)}\n`),
    interpolated(command![0]!, {}),
  );
  return spawnSync(shell!, [...options, script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: {
      PATH: `${join(place, 'bin')}:${process.env['PATH']}`,
      CALLS: join(place, 'calls'),
      EVENTSTORE_PASSWORD: password,
    },
  });
}

function newPlace(name: string): string {
  const place = join(folder, name);
  for (const volume of [...VOLUMES, 'bin']) mkdirSync(join(place, volume), { recursive: true });
  for (const [program, text] of [
    ['es-gencert-cli', CERTIFICATE_PROGRAM],
    ['chown', '#!/bin/sh\n'],
  ] as const) {
    writeFileSync(join(place, 'bin', program), text);
    chmodSync(join(place, 'bin', program), 0o755);
  }
  return place;
}

const filesOf = (place: string) => {
  const files = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files
    .map((file) => join(file.parentPath, file.name).slice(place.length + 1))
    .filter((file) => !/^(bin|calls)/.test(file))
    .sort();
};

describe('the certificates of the cluster', () => {
  it('are made once: one for each node by its name, of an authority whose key nobody else has', () => {
    const place = newPlace('first');
    expect(run(place, 'letters9')).toMatchObject({ status: 0, stderr: '' });
    const made = filesOf(place);
    expect(made).toEqual([
      'authority/ca.crt',
      'certificates/ca/ca.crt',
      ...['eventstore1', 'eventstore2', 'eventstore3'].flatMap((node) => [
        `certificates/${node}/node.crt`,
        `certificates/${node}/node.key`,
      ]),
      'private/ca/ca.crt',
      'private/ca/ca.key',
    ]);
    const calls = readFileSync(join(place, 'calls'), 'utf8');
    for (const node of ['eventstore1', 'eventstore2', 'eventstore3']) {
      expect(calls).toMatch(new RegExp(`create-node .*-dns-names ${node},localhost -ip-addresses 127.0.0.1`));
    }
    const authority = () => readFileSync(join(place, 'authority/ca.crt'), 'utf8');
    const before = authority();
    expect(run(place, 'letters9').status).toBe(0);
    expect(authority()).toBe(before);
  });

  it('are finished by the next start, when the first one ended half way', () => {
    const place = newPlace('half');
    mkdirSync(join(place, 'private/ca'));
    mkdirSync(join(place, 'certificates/eventstore1'));
    expect(run(place, 'letters9')).toMatchObject({ status: 0, stderr: '' });
    expect(filesOf(place)).toHaveLength(10);
  });

  it('are not made, so that no node starts, without a password for the store', () => {
    const place = newPlace('none');
    const { status, stderr } = run(place, '');
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('EVENTSTORE_PASSWORD') });
    expect(filesOf(place)).toEqual([]);
  });
});
