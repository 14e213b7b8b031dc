import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import {
  NoteVerifier,
  UnusableKey,
  verifyReceipt,
  type ProvenMember,
  type ProvenRevocation,
} from '#libs/audit';
import { EXIT, UnusableInput } from './cli-error.js';
import { printResult, table, type OutputOptions } from './output.js';

export interface VerifyReceiptOptions extends OutputOptions {
  readonly key?: string;
  readonly keyFile?: string;
}

/**
 * `dockreg verify-receipt FILE`: checks the API's answer to a revocation, with no server and no network. Ends with code 0
 * when it is valid, 1 when it is not, 2 when there was nothing to check.
 */
export async function verifyReceiptFile(file: string, options: VerifyReceiptOptions): Promise<void> {
  const verifier = verifierKey(options);
  const answer = parsed(file, file === '-' ? await text(process.stdin) : contentOf(file));
  if (!holdsReceipt(answer)) throw new UnusableInput(`${nameOf(file)} holds no answer to a revocation.`);
  const verdict = verifyReceipt(answer, verifier);
  const { name, hash } = NoteVerifier.read(verifier);
  if (verdict.ok) {
    const result = { valid: true, signedBy: `${name}+${hash}`, ...verdict.proven };
    printResult(options, result, validLines(verdict.proven, result.signedBy));
    return;
  }
  const problems = verdict.problems.map((problem) => `  ${problem}`);
  printResult(options, { valid: false, problems: verdict.problems }, ['Not valid:', ...problems]);
  process.exitCode = EXIT.failed;
}

/** Of `--key` or `--key-file`; a file may also hold the answer of `GET /v1/audit-log/key`. */
function verifierKey({ key, keyFile }: VerifyReceiptOptions): string {
  if ((key === undefined) === (keyFile === undefined)) {
    throw new UnusableInput('Give the verifier key: either --key or --key-file.');
  }
  const given = (key ?? contentOf(keyFile!)).trim();
  const text = given.startsWith('{') ? (parsed(keyFile ?? '--key', given) as { key?: unknown }).key : given;
  try {
    NoteVerifier.read(String(text));
    return String(text);
  } catch (error) {
    if (!(error instanceof UnusableKey)) throw error;
    throw new UnusableInput(`${keyFile ?? '--key'} is no verifier key: ${error.message}.`);
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UnusableInput(`${file} cannot be read: ${(error as Error).message}.`);
  }
}

function parsed(file: string, content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch {
    throw new UnusableInput(`${nameOf(file)} is no JSON.`);
  }
}

function nameOf(file: string): string {
  return file === '-' ? 'Standard input' : file;
}

function holdsReceipt(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'receipt' in answer;
}

function validLines(proven: ProvenRevocation, signedBy: string): string[] {
  const { key, registry, revokedAt, position, logId, members, durationMs, complete, serveReadsFor } = proven;
  return [
    `Valid: signed by ${signedBy}.`,
    `Key ${key} of registry ${registry} was revoked at ${revokedAt} (position ${position} of log ${logId}).`,
    `${durationMs} ms after it was stored, no process decided without it:`,
    ...table(['process', 'host', '', 'at'], members.map(memberRow)),
    ...(complete === false
      ? ['More processes may have decided: it took as long as any lease that was not known then.']
      : []),
    ...(serveReadsFor
      ? [
          `Reads may have gone on for ${serveReadsFor} where the log was out of reach: so the registry wants it.`,
        ]
      : []),
  ];
}

function memberRow({ incarnation, label, appliedAt, leaseEndedAt }: ProvenMember): string[] {
  return [
    incarnation,
    label,
    appliedAt ? 'had applied it' : 'had no lease any more',
    (appliedAt ?? leaseEndedAt)!,
  ];
}
