import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isKeyName, NoteSigner, NoteVerifier, signerKey, UnusableKey } from './note-keys.js';
import { NoteRefused, openNote, signNote } from './signed-note.js';

/** Keys, text and signatures of the tests and the documentation of golang.org/x/mod/sumdb/note. */
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PETER_SIGNER = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const ENOCH = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop';
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const NOTE = `${TEXT}\n${PETER_LINE}`;
/** The example of the C2SP specification. */
const EXAMPLE = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const EXAMPLE_NOTE =
  'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';
/** Of the tests of transparency-dev/formats: a plus stands in its base64. */
const WITH_PLUS = 'TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6';

const peter = NoteVerifier.read(PETER);
const signer = NoteSigner.read(PETER_SIGNER);
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('keys of signed notes', () => {
  it.each([PETER, ENOCH, EXAMPLE, WITH_PLUS])('of other programs are read: %s', (key) => {
    expect(NoteVerifier.read(key).name).toBe(key.slice(0, key.indexOf('+')));
  });

  it('know their other half', () => {
    expect(signer.verifierKey).toBe(PETER);
  });

  it('made here are read here, whatever the seed', () => {
    fc.assert(
      fc.property(seed, (bytes) => {
        const made = NoteSigner.read(signerKey('registry.example.com', bytes));
        expect(NoteVerifier.read(made.verifierKey).name).toBe('registry.example.com');
      }),
    );
  });

  it.each([
    ['a part of one', PETER.slice(0, -1)],
    ['one of another name', PETER.replace('Peter', 'Petra')],
    ['one with another hash', PETER.replace('c74f20a3', 'c74f20a4')],
    ['one of another kind', 'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['one that is too long', 'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=='],
    ['a signer key', PETER_SIGNER],
    ['nothing', ''],
    ['a line', `${PETER}\n`],
  ])('are refused when it is %s', (_what, key) => {
    expect(() => NoteVerifier.read(key)).toThrow(UnusableKey);
  });

  it('are refused wherever one character is another, and never repeated', () => {
    for (let index = 0; index < PETER_SIGNER.length; index++) {
      const code = PETER_SIGNER.charCodeAt(index);
      const other =
        PETER_SIGNER.slice(0, index) + String.fromCharCode(code + 1) + PETER_SIGNER.slice(index + 1);
      const read = () => NoteSigner.read(other);
      expect(read).toThrow(UnusableKey);
      expect(read).not.toThrow(PETER_SIGNER.slice(-30));
    }
  });

  it('keep their secret out of JSON and of what a log would print', () => {
    expect(JSON.stringify(signer)).not.toContain('gQoUAtUUbI2E8kQzMPVAgOv');
    expect(Object.values(signer).map(String)).not.toContain(PETER_SIGNER);
  });

  it('have names without white space and plus', () => {
    expect(['a', 'registry.example.com/x', 'ü'].every(isKeyName)).toBe(true);
    expect(['', 'a b', 'a+b', 'a\u0085b', 'a\u2003b', '\ud800'].some(isKeyName)).toBe(false);
    expect(() => signerKey('a b', new Uint8Array(32))).toThrow(UnusableKey);
    expect(() => signerKey('a', new Uint8Array(31))).toThrow(UnusableKey);
  });
});

describe('a signed note', () => {
  it('is byte for byte what Go writes', () => {
    expect(signNote(TEXT, signer)).toBe(NOTE);
  });

  it('of other programs is opened', () => {
    expect(openNote(NOTE, peter)).toBe(TEXT);
    expect(openNote(EXAMPLE_NOTE, NoteVerifier.read(EXAMPLE))).toBe('This is an example message.\n');
  });

  it('may have blank lines in its text, and signatures of others before and after', () => {
    const text = 'one\n\ntwo\n';
    const [enoch, line] = [EXAMPLE_NOTE.split('\n\n')[1]!, `${signer.sign(text)}\n`];
    for (const signatures of [enoch + line, line + enoch]) {
      expect(openNote(`${text}\n${signatures}`, peter)).toBe(text);
    }
  });

  it.each([
    ['a letter of the text', NOTE.replace('cryptography', 'cryptographY')],
    ['a line of the text', NOTE.replace(/^.*\n/, '')],
    ['a bit of the signature', NOTE.replace('x08go/Z', 'x08go/a')],
    ['the signer', NOTE.replace('PeterNeumann', 'EnochRoot')],
    ['the hash of the key', NOTE.replace('x08go', 'x08gp')],
    ['the dash', NOTE.replace('—', '-')],
    ['the end', NOTE.slice(0, -1)],
    ['the blank line', NOTE.replace('\n\n', '\n')],
    ['the signature', `${TEXT}\n`],
    ['the length of the signature', NOTE.replace('nAM=', 'nA==')],
    ['the padding', NOTE.replace('nAM=', 'nAM')],
    ['control characters', NOTE.replace('think', 'th\tink')],
    ['a second, wrong signature', `${NOTE}${PETER_LINE.replace('x08go/Z', 'x08go/a')}`],
    ['a line after it', `${NOTE}and more\n`],
  ])('with another %s is refused', (_what, note) => {
    expect(() => openNote(note, peter)).toThrow(NoteRefused);
  });

  it('with a hundred signatures is looked at, with more it is refused', () => {
    const others = EXAMPLE_NOTE.split('\n\n')[1]!.repeat(99);
    expect(openNote(NOTE + others, peter)).toBe(TEXT);
    expect(() => openNote(NOTE + others + others, peter)).toThrow('over 100');
  });

  it('cannot be made of a text without a last line feed', () => {
    expect(() => signNote('text', signer)).toThrow(NoteRefused);
  });

  it('of any text and key is opened as it was', () => {
    fc.assert(
      fc.property(seed, fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (bytes, lines) => {
        const text = `${lines.map((line) => line.replace(/\p{Cc}/gu, '')).join('\n')}\n`;
        const own = NoteSigner.read(signerKey('k', bytes));
        expect(openNote(signNote(text, own), NoteVerifier.read(own.verifierKey))).toBe(text);
      }),
    );
  });
});
