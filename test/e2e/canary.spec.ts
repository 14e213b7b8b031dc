import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { writeOciLayout } from '../../apps/server/src/gate/testing/oci-layout.js';
import { formatKey } from '#libs/kernel';
import { formsOf, sightingsBelow, sightingsIn, type Canary } from './canary.js';
import { SecretLife } from './secret-life.js';
import { Installation, randomSecret } from './server-process.js';

/** Below this a form is so short that it can stand anywhere by chance. */
const FORM_LENGTH_MIN = 24;

describe('the search for canaries', () => {
  const canary = { name: 'canary', secret: `${randomSecret()}/"+é` };

  it.each(['', 'x', 'xy', 'xyz'])('finds every form of a secret after "%s"', (before) => {
    const written = [
      canary.secret,
      Buffer.from(`${before}${canary.secret}:rest`).toString('base64'),
      Buffer.from(`${before}${canary.secret}:rest`).toString('base64url'),
      encodeURIComponent(canary.secret),
      JSON.stringify({ [before]: canary.secret }),
      Buffer.from(canary.secret).toString('hex'),
      Buffer.from(canary.secret).toString('hex').toUpperCase(),
      [...canary.secret].reverse().join(''),
    ];
    for (const text of written) {
      expect(sightingsIn('here', Buffer.from(`noise ${before}${text}`, 'utf8'), [canary])).not.toEqual([]);
    }
    expect(sightingsIn('here', Buffer.from(randomSecret()), [canary])).toEqual([]);
  });

  it('looks for nothing that is short', () => {
    for (const { bytes } of formsOf(randomSecret())) expect(bytes.length).toBeGreaterThan(FORM_LENGTH_MIN);
  });
});

describe('a secret', () => {
  const installation = new Installation({ LOG_LEVEL: 'debug', BOOTSTRAP_ADMIN_PASSWORD: '' });
  const { folder, dataDir, token } = installation;
  afterAll(() => installation.remove(), 20_000);

  it('is on no disk, in no log, metric or answer, whatever was done with it, except where it is handed out', async () => {
    await writeOciLayout(join(folder, 'image'), 'hello');
    const server = await installation.start();
    const password = readFileSync(join(dataDir, 'admin-password'), 'utf8').trim();
    expect(statSync(join(dataDir, 'admin-password')).mode & 0o777).toBe(0o600);
    const life = new SecretLife(server, password, join(folder, 'image'));
    await life.signIn();
    await life.useKeys();
    await life.failInEveryWay();
    await life.mistakeKeysForNames();
    const live = await life.seenByOperators();
    await server.stop();
    const restarted = await installation.start();
    await restarted.stop('SIGKILL');

    const canaries: Canary[] = [
      ...life.keys.flatMap(({ key }, index) => [
        { name: `key ${index}`, secret: key },
        { name: `secret of key ${index}`, secret: key.slice(21, 64) },
      ]),
      { name: 'access token', secret: token },
      { name: 'secret of the access token', secret: token.slice(21, 64) },
      { name: 'password', secret: password },
      { name: 'session token', secret: life.sessionToken },
      { name: 'unknown key', secret: life.unknownKey },
    ];
    writeFileSync(join(folder, 'planted'), Buffer.from(`:${token}`).toString('base64'));
    const { sightings, files } = sightingsBelow(folder, canaries, ['data/admin-password']);
    expect(sightings.map(({ place }) => place)).toContain('planted');
    expect(sightings.filter(({ place }) => place !== 'planted')).toEqual([]);
    expect(sightingsIn('live', Buffer.from(live.join('\n')), canaries)).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^data\/events\//),
        expect.stringMatching(/^data\/read-models\//),
        expect.stringMatching(/^data\/redis\/.*aof/),
        expect.stringMatching(/^data\/registry\/images\/.*\/data$/),
        'output/1.stderr',
        'output/1.stdout',
      ]),
    );
    expect(sightingsIn('id', Buffer.from(formatKey(life.keys[0]!.id, randomSecret())), canaries)).toEqual([]);
  }, 60_000);
});
