import { createDecipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** An event of a backup, as it stands there. */
interface Line {
  readonly stream: string;
  readonly id: string;
  readonly type: string;
  readonly json: boolean;
  readonly data: string;
}
interface SealedObject {
  readonly subject: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly commitment: string;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 32;

/**
 * For specs only: a backup read by nothing of the product, and what a person with a master key could open of it. All that
 * is known here is the format that ARCHITECTURE.md, section 3, describes.
 */
export class OpenedBackup {
  readonly text: Buffer;
  readonly lines: readonly Line[];

  constructor(file: string) {
    this.text = gunzipSync(readFileSync(file));
    this.lines = this.text
      .toString('utf8')
      .split('\n')
      .slice(1, -2)
      .map((line) => JSON.parse(line) as Line)
      // The end of a stream has no data.
      .filter(({ json }) => json);
  }

  /** All personal data of one subject, opened with any of the keys (base64): the texts. Whatever does not open is left out. */
  textsOf(subject: string, masterKeys: readonly string[]): string[] {
    const keys = this.wrappedKeys(subject).flatMap((wrapped) =>
      masterKeys.flatMap((key) => opened(Buffer.from(key, 'base64'), wrapped, subject) ?? []),
    );
    return this.sealedOf(subject).flatMap(({ iv, ciphertext, commitment }) => {
      const sealed = Buffer.concat([Buffer.from(iv, 'base64'), Buffer.from(ciphertext, 'base64')]);
      const plain = keys.flatMap((key) => opened(key, sealed, subject) ?? [])[0];
      if (!plain) return [];
      const actual = createHash('sha256').update(plain).digest('hex');
      if (actual !== commitment) throw new Error('a commitment does not hold');
      return [plain.subarray(SALT_BYTES).toString('utf8')];
    });
  }

  sealedOf(subject: string): SealedObject[] {
    return this.lines.flatMap(({ data }) =>
      Object.values(JSON.parse(data) as Record<string, unknown>).filter(
        (value): value is SealedObject => (value as Partial<SealedObject> | null)?.subject === subject,
      ),
    );
  }

  /** The key of a subject, as each event wraps it. */
  wrappedKeys(subject: string): Buffer[] {
    return this.lines
      .filter(({ stream, type }) => stream === `subject-${subject}` && type === 'SubjectKeyWrapped')
      .map(({ data }) => Buffer.from((JSON.parse(data) as { wrapped: string }).wrapped, 'base64'));
  }

  /** The data of each event of the domain, by its id. */
  get dataById(): Map<string, string> {
    const ours = this.lines.filter(({ stream }) => /^(user|key|registry|administrators|email)-/.test(stream));
    return new Map(ours.map(({ id, data }) => [id, data]));
  }
}

/** AES-256-GCM over iv ‖ ciphertext ‖ tag; undefined when the key is another one. */
function opened(key: Buffer, bytes: Buffer, subject: string): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES));
  decipher.setAAD(Buffer.from(subject)).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
