export { canonicalJson } from './canonical-json.js';
export { isKeyName, NoteSigner, NoteVerifier, signerKey, UnusableKey } from './note-keys.js';
export {
  receiptText,
  revocationReceipt,
  verifyReceipt,
  type ProvenMember,
  type ProvenRevocation,
  type ReceiptVerdict,
  type RevocationReceipt,
} from './revocation-receipt.js';
export { NoteRefused, openNote, signNote } from './signed-note.js';
