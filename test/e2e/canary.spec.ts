import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { requirePrograms } from '../../apps/server/src/gate/testing/docker-registry.js';
import { writeOciLayout } from '../../apps/server/src/gate/testing/oci-layout.js';
import { formatKey } from '#libs/kernel';
import { formsOf, sightingsBelow, sightingsIn, type Canary } from './canary.js';
import { makeCertificate } from '../clients/certificate.js';
import { startCaddy, startNginx, type ShippedProxy } from '../clients/shipped-proxy.js';
import { SecretLife, type Door } from './secret-life.js';
import { Installation, randomSecret } from './server-process.js';

/** Below this a form is so short that it can stand anywhere by chance. */
const FORM_LENGTH_MIN = 24;

describe('the search for canaries', () => {
  const canary = { name: 'canary', secret: `${randomSecret()}/"+é` };

  it.each(['', 'x', 'xy', 'xyz'])('finds every form of a secret after "%s"', (before) => {
    const written: [string, string][] = [
      ['raw', canary.secret],
      ['base64', Buffer.from(`${before}${canary.secret}:rest`).toString('base64')],
      ['base64url', Buffer.from(`${before}${canary.secret}:rest`).toString('base64url')],
      ['base64 of user:key', Buffer.from(`${canary.secret}:${canary.secret}`).toString('base64')],
      ['URL-encoded', encodeURIComponent(canary.secret)],
      ['JSON', JSON.stringify({ [before]: canary.secret })],
      ['hex', Buffer.from(canary.secret).toString('hex')],
      ['upper-case hex', Buffer.from(canary.secret).toString('hex').toUpperCase()],
      ['reversed', [...canary.secret].reverse().join('')],
    ];
    for (const [encoding, text] of written) {
      const found = sightingsIn('here', Buffer.from(`noise ${before}${text}`, 'utf8'), [canary]);
      expect(found.map((sighting) => sighting.encoding)).toContainEqual(expect.stringContaining(encoding));
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
  const proxies: ShippedProxy[] = [];
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await installation.remove();
  }, 20_000);

  /** The gate itself, and the shipped nginx and Caddy in front of it, all of whose files stand in the folder. */
  async function openDoors(gatePort: number): Promise<Door[]> {
    const certificate = makeCertificate(join(folder, 'certificate'));
    const behind = { gatePort, certificate };
    proxies.push(await startNginx(join(folder, 'nginx'), behind));
    proxies.push(await startCaddy(join(folder, 'caddy'), behind));
    const ca = readFileSync(certificate.caFile, 'utf8');
    return [{ port: gatePort }, ...proxies.map(({ port }) => ({ port, ca }))];
  }

  /** One in each encoding, so that the search below is known to find them all. */
  function plant(secret: string): string[] {
    mkdirSync(join(folder, 'planted'));
    return formsOf(secret).map(({ bytes }, index) => {
      writeFileSync(join(folder, 'planted', `${index}`), bytes);
      return `planted/${index}`;
    });
  }

  it('is on no disk, in no log, metric or answer, whatever was done with it, except where it is handed out', async () => {
    requirePrograms('redis-server', 'docker-registry', 'docker', 'skopeo', 'nginx', 'caddy', 'openssl');
    await writeOciLayout(join(folder, 'image'), 'hello');
    const server = await installation.start();
    const password = readFileSync(join(dataDir, 'admin-password'), 'utf8').trim();
    expect(statSync(join(dataDir, 'admin-password')).mode & 0o777).toBe(0o600);
    const life = new SecretLife(server, await openDoors(server.gatePort), password, join(folder, 'image'));
    await life.signIn();
    await life.useKeys();
    await life.failInEveryWay();
    await life.mistakeKeysForNames();
    const live = await life.seenByOperators();
    await server.stop();
    await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
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
    const planted = plant(token);
    const { sightings, files } = sightingsBelow(folder, canaries, ['data/admin-password']);
    expect(sightings.map(({ place }) => place)).toEqual(expect.arrayContaining(planted));
    expect(sightings.filter(({ place }) => !planted.includes(place))).toEqual([]);
    expect(sightingsIn('live', Buffer.from(live.join('\n')), canaries)).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^data\/events\//),
        expect.stringMatching(/^data\/read-models\//),
        expect.stringMatching(/^data\/redis\/.*aof/),
        expect.stringMatching(/^data\/registry\/images\/.*\/data$/),
        'output/1.stderr',
        'output/1.stdout',
        'nginx/registry.log',
        'nginx/error.log',
        'caddy/registry.log',
        'caddy/caddy.log',
      ]),
    );
    expect(sightingsIn('id', Buffer.from(formatKey(life.keys[0]!.id, randomSecret())), canaries)).toEqual([]);
  }, 60_000);
});
