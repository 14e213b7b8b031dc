import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** Signature type of Ed25519 in C2SP signed-note; stands before the key in both encodings. */
const ED25519 = 0x01;
/** RFC 8032: a private key (seed) and a public key have as many bytes each. */
const KEY_BYTES = 32;
const HASH_BYTES = 4;
/** PKCS #8 of RFC 8410 up to the seed. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The text is no key, or not one of this kind. The message never repeats it: it may be a secret. */
export class UnusableKey extends Error {
  override readonly name = 'UnusableKey';
}

/** Ed25519 key of a name that signs notes. The secret stays inside: it shows neither in JSON nor in a log. */
export class NoteSigner {
  readonly #privateKey: KeyObject;

  private constructor(
    readonly name: string,
    privateKey: KeyObject,
    /** What auditors are given. */
    readonly verifierKey: string,
    private readonly hash: Buffer,
  ) {
    this.#privateKey = privateKey;
  }

  /** Reads a signer key, `PRIVATE+KEY+<name>+<hash>+<base64>`, as `signerKey` writes it. Throws UnusableKey. */
  static read(text: string): NoteSigner {
    const match = /^PRIVATE\+KEY\+([^+]+)\+([^+]+)\+(.+)$/s.exec(text);
    if (!match) throw new UnusableKey('it does not have the form PRIVATE+KEY+<name>+<hash>+<base64>');
    const [, name, hash, encoded] = match as unknown as [string, string, string, string];
    const { privateKey, publicKey } = pairOf(keyBytes(encoded));
    if (hashOf(name, publicKey).toString('hex') !== hash) {
      throw new UnusableKey('name, hash and key do not belong together');
    }
    return new NoteSigner(name, privateKey, verifierKey(name, publicKey), hashOf(name, publicKey));
  }

  /** The signature line of C2SP signed-note for this text, without line feed: `— <name> <base64>`. */
  sign(text: string): string {
    const signature = sign(null, Buffer.from(text, 'utf8'), this.#privateKey);
    return `— ${this.name} ${Buffer.concat([this.hash, signature]).toString('base64')}`;
  }
}

/** The public half. */
export class NoteVerifier {
  private constructor(
    readonly name: string,
    /** 8 hexadecimal digits. */
    readonly hash: string,
    private readonly publicKey: KeyObject,
  ) {}

  /** Reads a verifier key, `<name>+<hash>+<base64>`. Throws UnusableKey. */
  static read(text: string): NoteVerifier {
    const match = /^([^+]+)\+([^+]+)\+(.+)$/s.exec(text);
    if (!match) throw new UnusableKey('it does not have the form <name>+<hash>+<base64>');
    const [, name, hash, encoded] = match as unknown as [string, string, string, string];
    const publicKey = keyBytes(encoded);
    if (hashOf(name, publicKey).toString('hex') !== hash) {
      throw new UnusableKey('name, hash and key do not belong together');
    }
    const x = publicKey.toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return new NoteVerifier(name, hash, key);
  }

  /** `signature`: 64 bytes. */
  isSigned(text: string, signature: Uint8Array): boolean {
    return verify(null, Buffer.from(text, 'utf8'), this.publicKey, signature);
  }
}

/** The signer key of a name; `seed`: 32 bytes of good randomness. Throws UnusableKey for an impossible name. */
export function signerKey(name: string, seed: Uint8Array): string {
  const bytes = Buffer.from(seed);
  const { publicKey } = pairOf(bytes);
  return `PRIVATE+KEY+${name}+${hashOf(name, publicKey).toString('hex')}+${encoded(bytes)}`;
}

/** The rule of C2SP signed-note: not empty, no white space, no plus. */
export function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^\p{White_Space}+]+$/u.test(name);
}

function verifierKey(name: string, publicKey: Buffer): string {
  return `${name}+${hashOf(name, publicKey).toString('hex')}+${encoded(publicKey)}`;
}

function pairOf(seed: Buffer): { privateKey: KeyObject; publicKey: Buffer } {
  if (seed.length !== KEY_BYTES) throw new UnusableKey('an Ed25519 key has 32 bytes');
  const key = Buffer.concat([PKCS8_ED25519, seed]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { privateKey, publicKey: Buffer.from(x!, 'base64url') };
}

/** First 4 bytes of SHA-256(name || 0x0A || 0x01 || public key). */
function hashOf(name: string, publicKey: Buffer): Buffer {
  if (!isKeyName(name)) throw new UnusableKey('the name of a key has no white space and no plus');
  const hash = createHash('sha256').update(name).update('\n').update(Buffer.of(ED25519)).update(publicKey);
  return hash.digest().subarray(0, HASH_BYTES);
}

function encoded(key: Buffer): string {
  return Buffer.concat([Buffer.of(ED25519), key]).toString('base64');
}

function keyBytes(text: string): Buffer {
  const bytes = decodeBase64(text);
  if (bytes?.[0] !== ED25519 || bytes.length !== 1 + KEY_BYTES) {
    throw new UnusableKey('it is no Ed25519 key of 32 bytes in base64');
  }
  return bytes.subarray(1);
}

/** Standard base64 with padding and nothing else (RFC 4648 section 4); undefined when it is not. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
