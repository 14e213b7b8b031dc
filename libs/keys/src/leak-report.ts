import type { Fact } from '#libs/kernel';

/** Encrypted under the key of the registry (`subject` is its id); libs/personal-data makes and opens it. */
interface SealedUrl {
  readonly subject: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly commitment: string;
}

/** The key stood where it should not be. `proven`: with its true secret; else only its id was there, which is public. */
export type KeyLeakReported = Fact<
  'KeyLeakReported',
  {
    readonly at: string;
    readonly registry: string;
    /** Where, in the words of who reported it, such as `content`. */
    readonly source: string;
    readonly url: SealedUrl | null;
    readonly proven: boolean;
    /** What was done about it in the same commit; null: written by a release that did not say. */
    readonly done: 'nothing' | 'suspended' | 'revoked' | null;
    /** Ids of users who are told. */
    readonly recipients: readonly string[];
  }
>;
