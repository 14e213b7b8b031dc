import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NoteSigner, receiptText, revocationReceipt, signerKey, type ProvenRevocation } from '#libs/audit';
import { temporaryDirectory } from '../../../test/support/temporary-directory.js';
import { dockreg, type Ran } from './testing/dockreg.js';

const PAGE = fileURLToPath(new URL('../../../docs/receipts.md', import.meta.url));
const INSTALL = 'apt-get update && apt-get install -y --no-install-recommends openssl python3';

const signer = NoteSigner.read(signerKey('registry.example.com', Buffer.alloc(32, 7)));
const proven: ProvenRevocation = {
  logId: 'q7Yx2LmN0aBcD3Ef',
  key: 'drk_0123456789abcdef',
  registry: 'reg_0123456789abcdef',
  revokedAt: '2026-01-05T08:00:00.000Z',
  position: '27',
  members: [
    // A name that a program which is not careful with Unicode would sign otherwise.
    { incarnation: 'i1', label: 'gäte-1 "\u2028', appliedAt: '2026-01-05T08:00:00.011Z' },
    { incarnation: 'i2', label: 'gate-2', leaseEndedAt: '2026-01-05T08:00:03.122Z' },
  ],
  durationMs: 3_120,
  serveReadsFor: 'PT5M',
};
const answer = {
  id: proven.key,
  status: 'revoked',
  revokedAt: proven.revokedAt,
  receipt: revocationReceipt(proven, signer),
};
const forged = { ...answer, revokedAt: '2026-01-05T07:00:00.000Z' };

let directory: ReturnType<typeof temporaryDirectory>;
const at = (name: string): string => join(directory.path, name);
beforeAll(() => {
  directory = temporaryDirectory();
  writeFileSync(at('valid.json'), JSON.stringify(answer));
  writeFileSync(at('forged.json'), JSON.stringify(forged));
  writeFileSync(at('key'), `${signer.verifierKey}\n`);
  writeFileSync(at('key.json'), JSON.stringify({ key: signer.verifierKey }));
  writeFileSync(at('text'), 'no JSON');
});
afterAll(() => directory.remove());

/** With no data directory at all. */
const verify = (...args: string[]): Promise<Ran> =>
  dockreg(at('nowhere'), ['verify-receipt', ...args.map((arg) => arg.replace(/^@/, `${directory.path}/`))]);

describe('dockreg verify-receipt', () => {
  it('ends with 0 for a valid receipt, and says what it proves', async () => {
    const { code, out, err } = await verify('@valid.json', '--key', signer.verifierKey);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`Valid: signed by registry.example.com+`);
    expect(out).toContain('drk_0123456789abcdef of registry reg_0123456789abcdef was revoked at 2026-01-05');
    expect(out).toMatch(/i1 .*had applied it +2026-01-05T08:00:00\.011Z/s);
    expect(out).toMatch(/i2 .*had no lease any more +2026-01-05T08:00:03\.122Z/);
    expect(out).toContain('PT5M');
  });

  it.each(['@key', '@key.json'])('takes the key from a file: %s', async (file) => {
    expect(await verify('@valid.json', '--key-file', file)).toMatchObject({ code: 0 });
  });

  it('reads standard input, and prints one JSON object when asked', () => {
    const main = fileURLToPath(new URL('../../../dist/apps/cli/src/main.js', import.meta.url));
    const args = [main, 'verify-receipt', '-', '--key', signer.verifierKey, '--json'];
    const { status, stdout } = spawnSync(process.execPath, args, { input: JSON.stringify(answer) });
    expect(status).toBe(0);
    expect(JSON.parse(String(stdout))).toMatchObject({ valid: true, key: proven.key, durationMs: 3_120 });
  });

  it('ends with 1 for a receipt that is not valid, and says why', async () => {
    const { code, out } = await verify('@forged.json', '--key', signer.verifierKey);
    expect({ code, out }).toEqual({
      code: 1,
      out: 'Not valid:\n  the signature is wrong: this is not what was signed\n',
    });
    const json = await verify('@forged.json', '--key', signer.verifierKey, '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toEqual({ valid: false, problems: [expect.stringContaining('signature')] });
  });

  it.each([
    ['a file that is not there', ['@none.json', '--key-file', '@key'], 'cannot be read'],
    ['a file that is no JSON', ['@text', '--key-file', '@key'], 'is no JSON'],
    ['a file without a receipt', ['@key.json', '--key-file', '@key'], 'holds no answer to a revocation'],
    ['no key', ['@valid.json'], 'either --key or --key-file'],
    ['two keys', ['@valid.json', '--key', 'x', '--key-file', '@key'], 'either --key or --key-file'],
    ['a key that is none', ['@valid.json', '--key', 'x'], '--key is no verifier key'],
    ['no file', [], "missing required argument 'file'"],
  ])('ends with 2 for %s: it says nothing about a receipt', async (_what, args, text) => {
    const { code, out, err } = await verify(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(text);
  });
});

describe('dockreg audit-key generate', () => {
  it('makes another key each time, whose halves belong together, and keeps none', async () => {
    const made = await Promise.all(
      [1, 2].map(async () => {
        const { code, out } = await dockreg(at('nowhere'), [
          'audit-key',
          'generate',
          '--name',
          'a.b',
          '--json',
        ]);
        expect(code).toBe(0);
        return JSON.parse(out) as { signerKey: string; verifierKey: string };
      }),
    );
    for (const key of made) expect(NoteSigner.read(key.signerKey).verifierKey).toBe(key.verifierKey);
    expect(made[0]!.signerKey).not.toBe(made[1]!.signerKey);
    expect(NoteSigner.read(made[0]!.signerKey).name).toBe('a.b');
  });

  it('refuses a name that no verifier would take', async () => {
    const { code, err } = await dockreg(at('nowhere'), ['audit-key', 'generate', '--name', 'a b']);
    expect({ code, err }).toEqual({
      code: 2,
      err: 'dockreg: The name of a key has no white space and no plus.\n',
    });
  });
});

/** The code block of docs/receipts.md in this language. */
function fromPage(language: string): string {
  const block = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'm').exec(readFileSync(PAGE, 'utf8'))?.[1];
  if (block === undefined) throw new Error(`${PAGE} has no ${language}`);
  return block;
}

function run(command: string, args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: directory.path });
  if (error) throw new Error(`${command} is missing: ${INSTALL}`);
  return { status, output: `${String(stdout)}${String(stderr)}` };
}

describe('the check without dockreg that docs/receipts.md describes', () => {
  beforeAll(() => writeFileSync(at('check.py'), fromPage('python')));

  it('finds the valid receipt valid', () => {
    expect(run('python3', ['check.py', 'valid.json', signer.verifierKey])).toMatchObject({
      status: 0,
      output: expect.stringContaining('Verified'),
    });
  });

  it('finds the forged one, and another key, not valid', () => {
    expect(run('python3', ['check.py', 'forged.json', signer.verifierKey]).status).not.toBe(0);
    const other = NoteSigner.read(signerKey('registry.example.com', Buffer.alloc(32, 8))).verifierKey;
    expect(run('python3', ['check.py', 'valid.json', other]).status).not.toBe(0);
  });

  it('signs the text that the page shows', () => {
    expect(fromPage('text')).toBe(`${receiptText(EXAMPLE)}\n${signer.sign(receiptText(EXAMPLE))}\n`);
  });
});

/** The example of the page. */
const EXAMPLE: ProvenRevocation = {
  logId: 'q7Yx2LmN0aBcD3Ef',
  key: 'drk_0123456789abcdef',
  registry: 'reg_0123456789abcdef',
  revokedAt: '2026-01-05T08:00:00.000Z',
  position: '27',
  members: [{ incarnation: '4fK2', label: 'gate-1', appliedAt: '2026-01-05T08:00:00.011Z' }],
  durationMs: 9,
};
