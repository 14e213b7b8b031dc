import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readSettings } from '#libs/platform';
import { Installation } from '../../installation.js';
import { prepareAdministrator } from './administrator.js';
import { matches } from './passwords.js';

let dataDir: string;
beforeEach(() => void (dataDir = mkdtempSync(join(tmpdir(), 'administrator-'))));
afterEach(() => rmSync(dataDir, { recursive: true }));

const prepare = (more: Record<string, string> = {}, { logId = 'log', isTerminal = false } = {}) =>
  prepareAdministrator(readSettings({ DATA_DIR: dataDir, ...more }), new Installation(logId), { isTerminal });

const BOOTSTRAP_ADMIN_PASSWORD = 'correct horse battery';

describe('the bootstrap administrator', () => {
  it('has the same id after every start, another one in another log, and nothing of its e-mail in it', async () => {
    const [one, again, renamed, other] = await Promise.all([
      prepare({ BOOTSTRAP_ADMIN_PASSWORD }),
      prepare({ BOOTSTRAP_ADMIN_PASSWORD }),
      prepare({ BOOTSTRAP_ADMIN_PASSWORD, BOOTSTRAP_ADMIN_EMAIL: 'b@example.com' }),
      prepare({ BOOTSTRAP_ADMIN_PASSWORD }, { logId: 'other' }),
    ]);
    expect(one.administrator.id).toMatch(/^usr_[0-9A-Za-z]{16}$/);
    expect(again.administrator).toEqual(one.administrator);
    expect(renamed.administrator.id).toBe(one.administrator.id);
    expect(other.administrator.id).not.toBe(one.administrator.id);
    expect(other.administrator.passwordHash).not.toBe(one.administrator.passwordHash);
  });

  it('a new configured password ends the sessions of the old one, and no file is written', async () => {
    const one = await prepare({ BOOTSTRAP_ADMIN_PASSWORD });
    const two = await prepare({ BOOTSTRAP_ADMIN_PASSWORD: 'another password' });
    expect(two.administrator.credential).not.toBe(one.administrator.credential);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('without a terminal the first password is in a file of its own, and later starts keep it', async () => {
    const { administrator, passwordFile } = await prepare();
    expect(passwordFile).toBe(join(dataDir, 'admin-password'));
    const password = readFileSync(passwordFile!, 'utf8').trim();
    expect(password).toMatch(/^[0-9A-Za-z]{24}$/);
    expect(await matches(administrator.passwordHash, password)).toBe(true);
    for (const name of readdirSync(dataDir)) expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);

    const later = await prepare({}, { isTerminal: true });
    expect(later).toEqual({ administrator });
  });

  it('on a terminal the first password is in no file, and kept once it was shown', async () => {
    const unseen = await prepare({}, { isTerminal: true });
    expect(readdirSync(dataDir)).toEqual([]);
    const { administrator, firstPassword } = await prepare({}, { isTerminal: true });
    expect(firstPassword!.password).not.toBe(unseen.firstPassword!.password);
    await firstPassword!.remember();
    expect(readdirSync(dataDir)).toEqual(['admin-password.hash']);
    expect(await prepare({}, { isTerminal: true })).toEqual({ administrator });
    expect(await matches(administrator.passwordHash, firstPassword!.password)).toBe(true);
  });

  it('a damaged hash stops the start with a sentence that helps', async () => {
    writeFileSync(join(dataDir, 'admin-password.hash'), '$argon2id$');
    await expect(prepare()).rejects.toThrow(/admin-password\.hash does not hold an argon2 hash\. Delete it/);
    expect(existsSync(join(dataDir, 'admin-password'))).toBe(false);
  });
});
