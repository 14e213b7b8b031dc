import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Refusal } from '#libs/kernel';
import type { Settings } from '#libs/platform';

/** Whose reports of leaks are believed. Injected by class. */
export class ReportKeys {
  /** Throws Refusal with a sentence for the operator when the keys of the settings cannot be used. */
  constructor(private readonly settings: Pick<Settings, 'leakReportKeys'>) {
    this.read();
  }

  /** Whether any report can be accepted at all. */
  get isSet(): boolean {
    return this.settings.leakReportKeys !== undefined;
  }

  /**
   * Whether the bytes are signed with the key of this identifier: ECDSA over P-256 with SHA-256, the signature in DER and
   * base64, as GitHub's secret scanning sends it. A file of keys is read each time: its owner changes it now and then.
   */
  signed(identifier: string, signature: string, body: Buffer): boolean {
    const key = this.read().get(identifier);
    return key !== undefined && verify('sha256', body, key, Buffer.from(signature, 'base64'));
  }

  private read(): ReadonlyMap<string, KeyObject> {
    const { leakReportKeys: setting } = this.settings;
    if (setting === undefined) return new Map();
    try {
      const text = /^\s*[[{]/.test(setting) ? setting : readFileSync(setting, 'utf8');
      return keysFrom(JSON.parse(text));
    } catch (cause) {
      throw new Refusal('unavailable', 'LEAK_REPORT_KEYS cannot be used: it holds no list of P-256 keys', {
        cause,
      });
    }
  }
}

/** `{"public_keys": [{"key_identifier": "…", "key": "-----BEGIN PUBLIC KEY-----…"}]}`, or the list alone. */
function keysFrom(document: unknown): Map<string, KeyObject> {
  const list = Array.isArray(document) ? document : (document as { public_keys: unknown[] }).public_keys;
  return new Map(
    list.map((one) => {
      const { key_identifier: identifier, key } = one as { key_identifier: unknown; key: unknown };
      if (typeof identifier !== 'string' || typeof key !== 'string') throw new Error('an entry is no key');
      const object = createPublicKey(key);
      if (object.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('a key is not of P-256');
      return [identifier, object];
    }),
  );
}
