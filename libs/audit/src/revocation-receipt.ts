import { canonicalJson } from './canonical-json.js';
import { NoteVerifier, type NoteSigner } from './note-keys.js';
import { receiptProblems } from './receipt-problems.js';
import { checkSignatures, NoteRefused } from './signed-note.js';

/** First line of what is signed: no other text that this key signs begins so. */
const TITLE = 'dockreg revocation receipt v1';

/** A process that decided from memory, and how it stopped deciding without the revocation: exactly one time is set. */
export interface ProvenMember {
  /** Random id of the process. */
  readonly incarnation: string;
  /** Its host name. */
  readonly label: string;
  /** When it had applied the revocation to its memory (RFC 3339). */
  readonly appliedAt?: string | null;
  /** When its lease was over, or released (RFC 3339). */
  readonly leaseEndedAt?: string | null;
}

/** What a receipt states: the data of KeyRevocationProven, of which key and log, and when the key was revoked. */
export interface ProvenRevocation {
  readonly logId: string;
  /** `drk_…` */
  readonly key: string;
  /** `reg_…` */
  readonly registry: string;
  readonly revokedAt: string;
  /** Commit position of KeyRevoked, as text: it needs 64 bits. */
  readonly position: string;
  readonly members: readonly ProvenMember[];
  /** From the append's answer until no member decided without it, in whole milliseconds. */
  readonly durationMs: number;
  /** False when `members` may not be everyone; then it took as long as any lease that was not known. Default: true. */
  readonly complete?: boolean;
  /** How long the registry lets reads go on without a lease (ISO 8601). */
  readonly serveReadsFor?: string | null;
}

/** The member `receipt` of the API's answer to a revocation. With `id` and `revokedAt` of the answer it holds all that is signed. */
export interface RevocationReceipt extends Omit<ProvenRevocation, 'key' | 'revokedAt'> {
  /** Signature line of C2SP signed-note under the text of `receiptText`. */
  readonly signature: string;
}

export type ReceiptVerdict =
  | { readonly ok: true; readonly proven: ProvenRevocation }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The receipt for the API's answer. A fraction of a millisecond counts as a whole one; members that are null are left out. */
export function revocationReceipt(proven: ProvenRevocation, signer: NoteSigner): RevocationReceipt {
  const rounded = { ...proven, durationMs: Math.ceil(proven.durationMs) };
  const { key: _key, revokedAt: _revokedAt, ...stated } = statement(rounded);
  return { ...stated, signature: signer.sign(receiptText(rounded)) };
}

/** What is signed: a title line, and one line of canonical JSON (RFC 8785). */
export function receiptText(proven: ProvenRevocation): string {
  return `${TITLE}\n${canonicalJson(statement(proven))}\n`;
}

/**
 * Checks the API's answer to a revocation, parsed from its JSON, offline: signature, shape, and that it says something that
 * can be. Throws UnusableKey when the verifier key is none.
 */
export function verifyReceipt(answer: unknown, verifierKey: string): ReceiptVerdict {
  const verifier = NoteVerifier.read(verifierKey);
  const problems = receiptProblems(answer);
  const { id, revokedAt, receipt } = (answer ?? {}) as { id: string; revokedAt: string; receipt?: unknown };
  if (typeof receipt !== 'object' || receipt === null) return { ok: false, problems };
  const { signature, ...stated } = receipt as RevocationReceipt;
  const proven: ProvenRevocation = { ...stated, key: id, revokedAt };
  const wrong = typeof signature === 'string' ? signatureProblem(proven, signature, verifier) : undefined;
  if (wrong !== undefined) problems.unshift(wrong);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, proven: statement(proven) };
}

function signatureProblem(
  proven: ProvenRevocation,
  signature: string,
  verifier: NoteVerifier,
): string | undefined {
  try {
    checkSignatures(receiptText(proven), `${signature}\n`, verifier);
    return undefined;
  } catch (error) {
    if (error instanceof NoteRefused) return error.message;
    if (error instanceof TypeError) return 'it holds what cannot have been signed';
    throw error;
  }
}

/** Only what a receipt has, without the members that are null. The order of the members of an object does not count. */
function statement(proven: ProvenRevocation): ProvenRevocation {
  const { logId, key, registry, revokedAt, position, members, durationMs, complete, serveReadsFor } = proven;
  return {
    logId,
    key,
    registry,
    revokedAt,
    position,
    members: Array.isArray(members) ? members.map(member) : members,
    durationMs,
    ...(complete === false ? { complete } : {}),
    ...((serveReadsFor ?? null) === null ? {} : { serveReadsFor }),
  };
}

function member(one: ProvenMember): ProvenMember {
  const { incarnation, label, appliedAt, leaseEndedAt } = one ?? {};
  return {
    incarnation,
    label,
    ...((appliedAt ?? null) === null ? {} : { appliedAt }),
    ...((leaseEndedAt ?? null) === null ? {} : { leaseEndedAt }),
  };
}
