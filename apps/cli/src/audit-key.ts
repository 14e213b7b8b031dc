import { isKeyName, NoteSigner } from '#libs/audit';
import { newSignerKey } from '#libs/platform';
import { UnusableInput } from './cli-error.js';
import { printResult, type OutputOptions } from './output.js';

/** `dockreg audit-key generate`: a new random key. It is shown and kept nowhere. */
export function auditKeyGenerate(name: string, options: OutputOptions): void {
  if (!isKeyName(name)) throw new UnusableInput('The name of a key has no white space and no plus.');
  const key = newSignerKey(name);
  const { verifierKey } = NoteSigner.read(key);
  printResult(options, { signerKey: key, verifierKey }, [
    `Signer key, secret, for AUDIT_KEY:  ${key}`,
    `Verifier key, for auditors:         ${verifierKey}`,
  ]);
}
