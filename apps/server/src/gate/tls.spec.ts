import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Certificate, UnusableCertificate } from './certificate.js';
import type { GateOptions } from './gate.js';
import { makeCertificate, type TestCertificate } from './testing/certificates.js';
import { GateFixture } from './testing/gate-fixture.js';
import { inet, proxyHeader } from './testing/proxy-header.js';

const REQUEST = 'GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n';
const silent = () => {};

let folder: string;
let first: TestCertificate;
let second: TestCertificate;
let used: { certFile: string; keyFile: string };
let gate: GateFixture;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dockreg-tls-'));
  first = makeCertificate(folder, 'first');
  second = makeCertificate(folder, 'second');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  used = { certFile: join(folder, 'used.crt'), keyFile: join(folder, 'used.key') };
  put(first);
});
afterEach(async () => {
  await gate.gate.close();
});

function put({ certFile, keyFile }: TestCertificate): void {
  copyFileSync(certFile, used.certFile);
  copyFileSync(keyFile, used.keyFile);
}

async function start(options: Partial<GateOptions> = {}): Promise<void> {
  gate = await GateFixture.start({ tls: used, limits: { handshakeTimeoutMs: 300 }, ...options });
}

/** Resolves with the next thing that is logged at that level about the certificate. */
function said(level: 'info' | 'error'): { log: GateOptions['log']; next: () => Promise<string> } {
  const told: string[] = [];
  let wake = silent;
  const hear = (_: object, message: string): void => {
    told.push(message);
    wake();
  };
  const log = { debug: silent, info: silent, warn: silent, error: silent, [level]: hear };
  const next = async (): Promise<string> => {
    while (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return told.shift()!;
  };
  return { log, next };
}

async function handshake(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: gate.gate.port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function certificateShown(): Promise<string> {
  const socket = await handshake();
  const { CN } = socket.getPeerCertificate().subject;
  socket.end(REQUEST);
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /);
  return CN as string;
}

function askVia(agent: Agent): Promise<number> {
  const { authorization } = gate.generateKey('read');
  const target = { host: '127.0.0.1', port: gate.gate.port, path: '/v2/', agent, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    request({ ...target, headers: { authorization } }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode!));
    })
      .once('error', reject)
      .end();
  });
}

describe('the gate with a certificate', () => {
  it('serves clients that trust the certificate, by HTTP/1.1 alone', async () => {
    await start();
    const socket = await handshake({
      rejectUnauthorized: true,
      ca: first.cert,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.end(REQUEST);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
    await start();
    const speaks = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
      handshake({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await speaks(version);
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    await expect(speaks('TLSv1.1')).rejects.toThrow();
  });

  it('shows a new connection the new certificate, while an old connection goes on', async () => {
    const { log, next } = said('info');
    await start({ log });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await certificateShown()).toBe('first');
    expect(await askVia(agent)).toBe(200);
    const [socket] = Object.values(agent.freeSockets)[0]!;
    put(second);
    expect(await next()).toBe('the gate uses a new certificate');
    expect(await certificateShown()).toBe('second');
    expect(await askVia(agent)).toBe(200);
    expect(Object.values(agent.freeSockets)[0]![0]).toBe(socket);
    await expect(handshake({ rejectUnauthorized: true, ca: first.cert })).rejects.toThrow();
    // The new certificate does not bring old versions of TLS back.
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(handshake(old)).rejects.toThrow();
    agent.destroy();
  });

  it('follows a symbolic link on the path that is turned to other files, as Kubernetes does', async () => {
    const mount = join(folder, 'mount');
    for (const [version, { certFile, keyFile }] of Object.entries({ one: first, two: second })) {
      mkdirSync(join(mount, version), { recursive: true });
      copyFileSync(certFile, join(mount, version, 'tls.crt'));
      copyFileSync(keyFile, join(mount, version, 'tls.key'));
    }
    symlinkSync('one', join(mount, 'data'));
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('data', name), join(mount, name));
    used = { certFile: join(mount, 'tls.crt'), keyFile: join(mount, 'tls.key') };
    const { log, next } = said('info');
    await start({ log });
    expect(await certificateShown()).toBe('first');
    symlinkSync('two', join(mount, 'data-new'));
    renameSync(join(mount, 'data-new'), join(mount, 'data'));
    expect(await next()).toBe('the gate uses a new certificate');
    expect(await certificateShown()).toBe('second');
  });

  it('stays with the old pair, and says so once, until the new one is whole', async () => {
    const errors = said('error');
    const news = said('info');
    let looked = silent;
    const { certFile, keyFile } = used;
    const watched = {
      get certFile() {
        looked();
        return certFile;
      },
      keyFile,
    };
    await start({ tls: watched, log: { ...errors.log, info: news.log.info } });
    copyFileSync(second.certFile, certFile);
    expect(await errors.next()).toContain('stays with the old one');
    expect(await certificateShown()).toBe('first');
    for (let looks = 0; looks < 4; looks++) await new Promise<void>((resolve) => (looked = resolve));
    put(second);
    expect(await Promise.race([errors.next(), news.next()])).toBe('the gate uses a new certificate');
    expect(await certificateShown()).toBe('second');
    rmSync(certFile);
    expect(await errors.next()).toContain('stays with the old one');
    expect(await certificateShown()).toBe('second');
  });

  it('ends connections that do not speak TLS, or stall in the handshake, and goes on', async () => {
    await start();
    for (const bytes of [REQUEST, Buffer.alloc(100), '', Buffer.from([22, 3, 1, 0, 200])]) {
      const socket = connectPlain(gate.gate.port, '127.0.0.1').on('error', silent);
      socket.write(bytes);
      expect(await text(socket).catch(() => '')).not.toContain('HTTP/1.1');
    }
    expect(await certificateShown()).toBe('first');
  });

  it('does not wait beyond the drain for a handshake that stalls', async () => {
    await start({ drainMs: 200, limits: {} });
    const socket = connectPlain(gate.gate.port, '127.0.0.1').on('error', silent);
    const ended = once(socket, 'close');
    socket.write(Buffer.from([22, 3, 1]));
    const other = await handshake();
    other.end(REQUEST);
    await text(other);
    await gate.gate.close();
    await ended;
  });
});

describe('TLS behind a PROXY protocol header', () => {
  it('counts the failures of the client that the header names, not those of the proxy', async () => {
    await start({ proxyProtocol: true, trustedProxies: ['127.0.0.1'], limits: {} });
    const failures = async (source: string | undefined, count: number): Promise<string[]> => {
      const carrier = connectPlain(gate.gate.port, '127.0.0.1');
      await once(carrier, 'connect');
      carrier.write(source === undefined ? proxyHeader(0x20, 0, []) : proxyHeader(0x21, 0x11, inet(source)));
      const socket = connect({ socket: carrier, rejectUnauthorized: false });
      const bad = REQUEST.replace('\r\n', '\r\nAuthorization: Basic bm86bm8=\r\n');
      socket.write(bad.replace('close', 'keep-alive').repeat(count) + bad);
      return (await text(socket)).match(/HTTP\/1\.1 \d{3}/g)!.map((line) => line.slice(-3));
    };
    expect(new Set(await failures('198.51.100.7', 99))).toEqual(new Set(['401']));
    expect(await failures('198.51.100.8', 0)).toEqual(['429']);
    expect(await failures('203.0.113.7', 0)).toEqual(['401']);
    expect(await failures(undefined, 0)).toEqual(['401']);
  });
});

describe('a start with a certificate that cannot be used', () => {
  const open = () => Certificate.open(used, { debug: silent, info: silent, warn: silent, error: silent });
  beforeEach(() => start());

  it.each([
    ['no certificate file', () => rmSync(used.certFile), /cannot read .*used\.crt: ENOENT/],
    ['no key file', () => rmSync(used.keyFile), /cannot read .*used\.key: ENOENT/],
    [
      'the key of another certificate',
      () => copyFileSync(second.keyFile, used.keyFile),
      /no certificate with its key/,
    ],
    ['a file that is no certificate', () => writeFileSync(used.certFile, 'x'), /no certificate with its key/],
    ['an empty key file', () => writeFileSync(used.keyFile, ''), /no certificate with its key/],
  ])('fails with a text that names the file: %s', async (_, spoil, text) => {
    spoil();
    await expect(open()).rejects.toThrow(UnusableCertificate);
    await expect(open()).rejects.toThrow(text);
    await expect(GateFixture.start({ tls: used })).rejects.toThrow(text);
  });
});
