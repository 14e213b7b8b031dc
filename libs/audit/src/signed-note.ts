import { decodeBase64, isKeyName, type NoteSigner, type NoteVerifier } from './note-keys.js';

/** As in golang.org/x/mod/sumdb/note: more are not looked at. */
const SIGNATURES_MAX = 100;
const HASH_BYTES = 4;
const SIGNATURE_BYTES = 64;

/** The note is no note, or not signed by the key. */
export class NoteRefused extends Error {
  override readonly name = 'NoteRefused';
}

/**
 * A signed note of C2SP (https://c2sp.org/signed-note): the text, a blank line, the signature. The text ends with a line
 * feed and has no other control characters. Throws NoteRefused for a text that cannot stand in a note.
 */
export function signNote(text: string, signer: NoteSigner): string {
  refuseImpossible(text);
  return `${text}\n${signer.sign(text)}\n`;
}

/** The text of a note that is signed by the key; signatures of other keys are ignored. Throws NoteRefused. */
export function openNote(note: string, verifier: NoteVerifier): string {
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0) throw new NoteRefused('it is no signed note: there is no blank line before a signature');
  const text = note.slice(0, blank + 1);
  checkSignatures(text, note.slice(blank + 2), verifier);
  return text;
}

/** `signatures`: one or more signature lines, each with its line feed. Throws NoteRefused. */
export function checkSignatures(text: string, signatures: string, verifier: NoteVerifier): void {
  refuseImpossible(text);
  if (!signatures.endsWith('\n')) throw new NoteRefused('the last signature line does not end');
  const lines = signatures.slice(0, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) throw new NoteRefused(`there are over ${SIGNATURES_MAX} signatures`);
  let isSigned = false;
  for (const { name, hash, signature } of lines.map(signatureLine)) {
    if (name !== verifier.name || hash !== verifier.hash) continue;
    // A second signature of the same key is looked at too: one that is wrong is a reason to trust none.
    if (signature.length !== SIGNATURE_BYTES || !verifier.isSigned(text, signature)) {
      throw new NoteRefused('the signature is wrong: this is not what was signed');
    }
    isSigned = true;
  }
  if (!isSigned) throw new NoteRefused(`it is not signed by ${verifier.name}+${verifier.hash}`);
}

function signatureLine(line: string): { name: string; hash: string; signature: Buffer } {
  const [, name = '', encoded = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  const bytes = decodeBase64(encoded);
  if (!isKeyName(name) || !bytes || bytes.length <= HASH_BYTES) {
    throw new NoteRefused('a signature line does not have the form `— <name> <base64>`');
  }
  return {
    name,
    hash: bytes.subarray(0, HASH_BYTES).toString('hex'),
    signature: bytes.subarray(HASH_BYTES),
  };
}

function refuseImpossible(text: string): void {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (!text.endsWith('\n') || !text.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(text)) {
    throw new NoteRefused('the text does not end with a line feed, or has control characters');
  }
}
