import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { NoteSigner, signerKey, UnusableKey } from '#libs/audit';
import type { Settings } from './settings.js';

const FILE = 'audit-key';
const SEED_BYTES = 32;
/** What may be set of a file's mode: its owner's bits. */
const OTHERS = 0o077;

/** The audit key cannot be used. The message is a sentence for the operator; no part of the key stands in it. */
export class AuditKeyUnusable extends Error {
  override readonly name = 'AuditKeyUnusable';
}

/** Signs what an auditor checks offline: the receipts of revocations. Injected by class. */
export class AuditKey {
  constructor(readonly signer: NoteSigner) {}

  /** What auditors are given: `<name>+<hash>+<base64>`, C2SP signed-note. */
  get verifierKey(): string {
    return this.signer.verifierKey;
  }
}

/** The text of a new random signer key: whoever has it signs as this installation. */
export function newSignerKey(name: string): string {
  return signerKey(name, randomBytes(SEED_BYTES));
}

/**
 * The key of AUDIT_KEY, else that of `DATA_DIR/audit-key`. The first start makes that file (mode 0600, named after
 * REGISTRY_DOMAIN); it is never written again. Throws AuditKeyUnusable, and the error of the file system.
 */
export function readAuditKey({ auditKey, dataDir, registryDomain }: Settings): AuditKey {
  if (auditKey !== undefined) return keyFrom('AUDIT_KEY', auditKey);
  const file = join(dataDir, FILE);
  const stored = readPrivately(file);
  if (stored !== undefined) return keyFrom(file, stored);
  createPrivately(file, `${newSignerKey(registryDomain)}\n`);
  // Read back: another process may have been quicker, and its key is the one that stays.
  return keyFrom(file, readPrivately(file) ?? '');
}

function keyFrom(source: string, text: string): AuditKey {
  try {
    return new AuditKey(NoteSigner.read(text.trim()));
  } catch (error) {
    if (!(error instanceof UnusableKey)) throw error;
    throw new AuditKeyUnusable(
      `${source} holds no signer key (${error.message}). Put back the one that it held: receipts are checked with it.`,
    );
  }
}

/** Undefined when there is no such file. */
function readPrivately(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return undefined;
  if ((found.mode & OTHERS) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
    throw new AuditKeyUnusable(
      `${file} can be used by others (mode ${mode}): whoever read it can sign receipts. chmod 600 it, and replace it if somebody may have.`,
    );
  }
  return readFileSync(file, 'utf8');
}

/** Leaves a file that exists as it is. What is under the name is whole and on the disk at every moment. */
function createPrivately(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  try {
    writeSync(descriptor, content);
    fsyncSync(descriptor);
    // Unlike a rename, a link never replaces what is there.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    closeSync(descriptor);
    rmSync(draft, { force: true });
  }
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
