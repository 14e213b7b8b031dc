import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NoteVerifier, openNote, signNote } from '#libs/audit';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { AuditKeyUnusable, newSignerKey, readAuditKey } from './audit-key.js';
import { readSettings, type Settings } from './settings.js';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const settings = (more: Record<string, string> = {}): Settings =>
  readSettings({ DATA_DIR: join(directory.path, 'data'), REGISTRY_DOMAIN: 'registry.example.com', ...more });
const file = (): string => join(directory.path, 'data', 'audit-key');

describe('the audit key of a data directory', () => {
  it('is made at the first start, for its owner alone, named after the domain, and stays', () => {
    const made = readAuditKey(settings());
    expect(made.verifierKey).toMatch(/^registry\.example\.com\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(directory.path, 'data'))).toEqual(['audit-key']);
    const text = readFileSync(file(), 'utf8');
    expect(readAuditKey(settings({ REGISTRY_DOMAIN: 'other.example.com' })).verifierKey).toBe(
      made.verifierKey,
    );
    expect(readFileSync(file(), 'utf8')).toBe(text);
  });

  it('is a random one', () => {
    const keys = [0, 1].map((n) => readAuditKey(settings({ DATA_DIR: join(directory.path, `${n}`) })));
    expect(keys[0]!.verifierKey).not.toBe(keys[1]!.verifierKey);
  });

  it('that is a link to a volume which is not there stops the start: no second key takes its place', () => {
    mkdirSync(dirname(file()));
    symlinkSync(join(directory.path, 'secrets', 'audit-key'), file());
    expect(() => readAuditKey(settings())).toThrow(AuditKeyUnusable);
    expect(readlinkSync(file())).toBe(join(directory.path, 'secrets', 'audit-key'));
    expect(readdirSync(dirname(file()))).toEqual(['audit-key']);
  });

  it('signs what the verifier key opens', () => {
    const { signer, verifierKey } = readAuditKey(settings());
    expect(openNote(signNote('text\n', signer), NoteVerifier.read(verifierKey))).toBe('text\n');
  });

  it.each(['644', '640', '602', '610'])(
    'that others may use (mode %s) is refused, and how to mend it is said',
    (mode) => {
      readAuditKey(settings());
      chmodSync(file(), parseInt(mode, 8));
      expect(() => readAuditKey(settings())).toThrow(AuditKeyUnusable);
      expect(() => readAuditKey(settings())).toThrow(`mode 0${mode}`);
      expect(() => readAuditKey(settings())).toThrow('chmod 600');
    },
  );

  it.each(['', 'rubbish', 'cut'])(
    'that is damaged (%p) stops the start, is not replaced and not repeated',
    (kind) => {
      const key = newSignerKey('registry.example.com');
      const text = kind === 'cut' ? key.slice(0, -5) : kind;
      readAuditKey(settings());
      writeFileSync(file(), text);
      expect(() => readAuditKey(settings())).toThrow(AuditKeyUnusable);
      expect(() => readAuditKey(settings())).not.toThrow(key.slice(40, 60));
      expect(readFileSync(file(), 'utf8')).toBe(text);
    },
  );
});

describe('AUDIT_KEY', () => {
  it('is used instead of the file, which is not even made', () => {
    const key = newSignerKey('registry.example.com');
    const { verifierKey } = readAuditKey(settings({ AUDIT_KEY: key }));
    expect(verifierKey.startsWith(key.split('+').slice(2, 4).join('+'))).toBe(true);
    expect(readdirSync(directory.path)).toEqual([]);
  });

  it('whose parts do not belong together is refused without being repeated', () => {
    const key = newSignerKey('registry.example.com').replace('example.com', 'example.net');
    const read = () => readAuditKey(settings({ AUDIT_KEY: key }));
    expect(read).toThrow('AUDIT_KEY holds no signer key');
    expect(read).not.toThrow(key.slice(-20));
  });
});
