import { describe, expect, it } from '@jest/globals';
import { NoteSigner, NoteVerifier, signerKey, UnusableKey } from './note-keys.js';
import {
  receiptText,
  revocationReceipt,
  verifyReceipt,
  type ProvenRevocation,
} from './revocation-receipt.js';
import { openNote } from './signed-note.js';

const signer = NoteSigner.read(signerKey('registry.example.com', Buffer.alloc(32, 7)));
const revokedAt = '2026-01-05T08:00:00.000Z';
const proven: ProvenRevocation = {
  logId: 'q7Yx2LmN0aBcD3Ef',
  key: 'drk_0123456789abcdef',
  registry: 'reg_0123456789abcdef',
  revokedAt,
  position: '27',
  members: [
    { incarnation: 'i1', label: 'gate-1', appliedAt: '2026-01-05T08:00:00.011Z', leaseEndedAt: null },
    { incarnation: 'i2', label: 'gate-2', appliedAt: null, leaseEndedAt: '2026-01-05T08:00:03.122Z' },
  ],
  durationMs: 3_119.2,
  serveReadsFor: null,
};

/** The answer of the API, as a client has it after its JSON. */
function answerOf(facts: ProvenRevocation, change: (answer: Answer) => void = () => undefined): Answer {
  const receipt = revocationReceipt(facts, signer);
  const answer = { id: facts.key, status: 'revoked', revokedAt: facts.revokedAt, receipt };
  const copy = JSON.parse(JSON.stringify(answer)) as Answer;
  change(copy);
  return copy;
}
interface Answer {
  id: unknown;
  status: unknown;
  revokedAt: unknown;
  receipt: Record<string, unknown> & { members: Record<string, unknown>[] };
}

const problemsOf = (answer: unknown): readonly string[] => {
  const verdict = verifyReceipt(answer, signer.verifierKey);
  return verdict.ok ? [] : verdict.problems;
};
const WRONG = 'the signature is wrong: this is not what was signed';

describe('the receipt of a revocation', () => {
  it('is valid as the API answers it, and says what was signed', () => {
    const verdict = verifyReceipt(answerOf(proven), signer.verifierKey);
    expect(verdict).toEqual({
      ok: true,
      proven: {
        logId: proven.logId,
        key: proven.key,
        registry: proven.registry,
        revokedAt,
        position: '27',
        members: [
          { incarnation: 'i1', label: 'gate-1', appliedAt: '2026-01-05T08:00:00.011Z' },
          { incarnation: 'i2', label: 'gate-2', leaseEndedAt: '2026-01-05T08:00:03.122Z' },
        ],
        durationMs: 3_120,
      },
    });
  });

  it('is a signed note that other programs open: a title, and one line of canonical JSON', () => {
    const { signature } = revocationReceipt(proven, signer);
    const text = receiptText({ ...proven, durationMs: 3_120 });
    expect(text).toBe(
      'dockreg revocation receipt v1\n' +
        '{"durationMs":3120,"key":"drk_0123456789abcdef","logId":"q7Yx2LmN0aBcD3Ef","members":[' +
        '{"appliedAt":"2026-01-05T08:00:00.011Z","incarnation":"i1","label":"gate-1"},' +
        '{"incarnation":"i2","label":"gate-2","leaseEndedAt":"2026-01-05T08:00:03.122Z"}],' +
        '"position":"27","registry":"reg_0123456789abcdef","revokedAt":"2026-01-05T08:00:00.000Z"}\n',
    );
    expect(openNote(`${text}\n${signature}\n`, NoteVerifier.read(signer.verifierKey))).toBe(text);
  });

  it('says when gates may be missing in it, and that is signed', () => {
    const partial = answerOf({ ...proven, complete: false });
    expect(partial.receipt['complete']).toBe(false);
    expect(problemsOf(partial)).toEqual([]);
    delete partial.receipt['complete'];
    expect(problemsOf(partial)).toEqual([WRONG]);
    expect(answerOf({ ...proven, complete: true }).receipt).toEqual(answerOf(proven).receipt);
    expect(problemsOf(answerOf(proven, ({ receipt }) => (receipt['complete'] = true)))).not.toEqual([]);
  });

  it('names how long reads may go on without a lease', () => {
    const served = { ...proven, serveReadsFor: 'PT5M' };
    expect(revocationReceipt(served, signer).serveReadsFor).toBe('PT5M');
    expect(problemsOf(answerOf(served))).toEqual([]);
  });

  it('stays valid when its members stand in another order, or are null', () => {
    const answer = answerOf(proven, ({ receipt }) => {
      receipt['serveReadsFor'] = null;
      receipt.members[0]!['leaseEndedAt'] = null;
    });
    const { receipt, ...rest } = answer;
    const turned = { receipt: Object.fromEntries(Object.entries(receipt).reverse()), ...rest };
    expect(problemsOf(turned)).toEqual([]);
  });

  it.each<[string, (answer: Answer) => void]>([
    ['key', (answer) => (answer.id = 'drk_0123456789abcdeg')],
    ['time', (answer) => (answer.revokedAt = '2026-01-05T07:59:59.999Z')],
    ['log', ({ receipt }) => (receipt['logId'] = 'other')],
    ['registry', ({ receipt }) => (receipt['registry'] = 'reg_other')],
    ['position', ({ receipt }) => (receipt['position'] = '28')],
    ['duration', ({ receipt }) => (receipt['durationMs'] = 3_121)],
    ['policy', ({ receipt }) => (receipt['serveReadsFor'] = 'PT1M')],
    ['member less', ({ receipt }) => receipt.members.pop()],
    ['order of members', ({ receipt }) => receipt.members.reverse()],
    ['label', ({ receipt }) => (receipt.members[1]!['label'] = 'gate-3')],
    ['process', ({ receipt }) => (receipt.members[1]!['incarnation'] = 'i3')],
    ['moment', ({ receipt }) => (receipt.members[0]!['appliedAt'] = '2026-01-05T08:00:00.012Z')],
  ])('is not valid for another %s', (_what, change) => {
    expect(problemsOf(answerOf(proven, change))).toEqual([WRONG]);
  });

  it('is not valid under another key, and a key that is none is told apart', () => {
    const other = NoteSigner.read(signerKey('registry.example.com', Buffer.alloc(32, 8))).verifierKey;
    const verdict = verifyReceipt(answerOf(proven), other);
    expect(verdict).toMatchObject({
      ok: false,
      problems: [expect.stringContaining('not signed by registry.example.com+')],
    });
    expect(() => verifyReceipt(answerOf(proven), 'registry.example.com')).toThrow(UnusableKey);
  });

  it('is not valid with anything beside what is signed', () => {
    const answer = answerOf(proven, ({ receipt }) => {
      receipt['note'] = 'all fine';
      receipt.members[0]!['host'] = 'other';
    });
    expect(problemsOf(answer)).toEqual([
      'receipt.note is not covered by the signature',
      'receipt.members[0].host is not covered by the signature',
    ]);
  });
});

/** What the server should never sign; if it does, its signature does not make it true. */
describe('a signed receipt that cannot be true', () => {
  const [applied, ended] = proven.members as [(typeof proven.members)[0], (typeof proven.members)[0]];
  it.each<[string, Partial<ProvenRevocation>]>([
    [
      'receipt.members[0] had neither applied the revocation, nor had its lease ended',
      { members: [{ incarnation: 'i1', label: 'gate-1' }] },
    ],
    [
      'receipt.members[0] has two ends: one process ends in one way',
      { members: [{ ...applied, leaseEndedAt: ended.leaseEndedAt! }] },
    ],
    ['receipt.members names a process twice', { members: [applied, applied] }],
    [
      'receipt.members[0] has applied the revocation, or ended, before the key was revoked',
      { members: [{ ...applied, appliedAt: '2026-01-05T07:59:00.000Z' }] },
    ],
    [
      'receipt.members[0] has no time in UTC with milliseconds',
      { members: [{ ...applied, appliedAt: '2026-02-30T08:00:00.000Z' }] },
    ],
    [
      "the members' times are 3600000 ms apart, but all of it took 20 ms",
      { members: [applied, { ...ended, leaseEndedAt: '2026-01-05T09:00:00.011Z' }], durationMs: 20 },
    ],
    ['receipt.members[0].label is missing', { members: [{ ...applied, label: '' }] }],
    ['receipt.durationMs is no whole number from 0 on', { durationMs: -1 }],
    ['receipt.position is no position in a log', { position: '9223372036854775808' }],
    ['receipt.position is no position in a log', { position: '007' }],
    ['receipt.serveReadsFor is no duration of up to 15 minutes', { serveReadsFor: 'PT16M' }],
    ['receipt.serveReadsFor is no duration of up to 15 minutes', { serveReadsFor: 'PT0S' }],
    ['revokedAt is no time in UTC with milliseconds', { revokedAt: '2026-01-05T08:00:00Z' }],
    ['receipt.logId is missing', { logId: '' }],
  ])('is not valid: %s', (problem, change) => {
    expect(problemsOf(answerOf({ ...proven, ...change }))).toEqual([problem]);
  });

  it('may come from a node whose clock is a little behind', () => {
    const members = [{ ...applied, appliedAt: '2026-01-05T07:59:59.700Z' }];
    expect(problemsOf(answerOf({ ...proven, members }))).toEqual([]);
  });

  it('may name nobody, when nobody decided from memory', () => {
    expect(problemsOf(answerOf({ ...proven, members: [] }))).toEqual([]);
  });
});

describe('what is no receipt at all', () => {
  it.each([null, 'text', 7, [], {}, { id: 'drk_1', status: 'revoked', receipt: [] }])(
    'is told so, whatever it is: %j',
    (answer) => {
      expect(problemsOf(answer).length).toBeGreaterThan(0);
    },
  );

  it('names every member that is missing', () => {
    expect(problemsOf({ receipt: { members: [null] } })).toEqual([
      'id is missing',
      'status is not revoked',
      'revokedAt is no time in UTC with milliseconds',
      'receipt.logId is missing',
      'receipt.registry is missing',
      'receipt.signature is missing',
      'receipt.position is no position in a log',
      'receipt.durationMs is no whole number from 0 on',
      'receipt.members[0] is no object',
    ]);
    expect(problemsOf({ receipt: { members: { length: 0 } } })).toContain('receipt.members is no list');
  });

  it('cannot have been signed with half a character in it', () => {
    const answer = answerOf(proven, ({ receipt }) => (receipt['logId'] = '\ud800'));
    expect(problemsOf(answer)).toEqual(['it holds what cannot have been signed']);
  });
});
