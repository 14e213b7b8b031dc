import { randomBytes } from 'node:crypto';
import { isDeletedStream, type CommandContext, type EventLog } from '#libs/event-store';
import { Refusal, streamName } from '#libs/kernel';
import { generationById, newestOf, type Generation, type MasterKey } from './master-key.js';
import { seal, SUBJECT_KEY_BYTES, unseal, unwrap, wrap, type Sealed } from './sealed.js';
import { giveKey, rewrapKey, subjects, type SubjectState } from './subject.js';

/** Keys that stay in memory; one is read again in about a millisecond. */
const CACHED_MAX = 10_000;

/** The generation of the master key that wraps a key is not among those that this process was given. */
export class MasterKeyMissing extends Error {
  override readonly name = 'MasterKeyMissing';

  constructor(generation: string) {
    super(`the generation ${generation} of the master key is missing: MASTER_KEY must name it`);
  }
}

/**
 * Encrypts and decrypts personal data, each subject's under a key of its own that the log holds wrapped. Owned by the API
 * role. A master key that can be read again may be rotated meanwhile: whatever is sealed here is sealed under a key that the
 * newest generation wraps, or that the rotation has yet to come to.
 */
export class SubjectKeys {
  private readonly keys = new Map<string, Buffer>();

  constructor(
    private readonly log: EventLog,
    private masterKey: MasterKey,
    private readonly now: () => string,
  ) {}

  /** Seals a text about a subject, whose key is made when it has none. */
  async seal(subject: string, text: string, context: CommandContext): Promise<Sealed> {
    return seal(subject, await this.keyOf(subject, context), text);
  }

  /** The text; undefined when the subject was erased. Throws SealBroken, MasterKeyMissing, Refusal `unavailable`. */
  async open(sealed: Sealed): Promise<string | undefined> {
    const { subject } = sealed;
    const key = this.keys.get(subject) ?? (await this.unwrapped(subject, await this.stateOf(subject)));
    return key && unseal(sealed, this.remember(subject, key));
  }

  /**
   * A subject's key, for what must be derived from it; made when there is none. Throws Refusal `not-found` after its erasure,
   * and `unavailable` when the master key's file cannot be used: a new key must not be wrapped by what may be lost.
   */
  async keyOf(subject: string, context: CommandContext): Promise<Buffer> {
    const known = this.keys.get(subject);
    if (known) return known;
    try {
      const fresh = randomBytes(SUBJECT_KEY_BYTES);
      const data = this.wrapped(subject, fresh, newestOf(this.reread()));
      const { state, facts } = await this.log.transact(subjects, subject, giveKey(data), context);
      const key = facts.length > 0 ? fresh : (await this.unwrapped(subject, state))!;
      await this.keepNewest(subject, key, state.key!.generation, context);
      return this.remember(subject, key);
    } catch (error) {
      if (!isDeletedStream(error)) throw error;
      throw new Refusal('not-found', 'what was known about it has been erased', { cause: error });
    }
  }

  /** Destroys the subject's key for good; whatever was sealed with it is noise from now on. */
  async erase(subject: string): Promise<void> {
    await this.log.destroy(subjects, subject);
    this.forget(subject);
  }

  /** Another node erased the subject. */
  forget(subject: string): void {
    this.keys.delete(subject);
  }

  /** Wraps a subject's key with the newest generation, unless it is. Throws SealBroken, MasterKeyMissing. */
  async rewrap(subject: string, context: CommandContext): Promise<'rewrapped' | 'unchanged' | 'erased'> {
    const state = await this.stateOf(subject);
    if (state.key?.generation === newestOf(this.masterKey).id) return 'unchanged';
    const key = await this.unwrapped(subject, state);
    if (!key) return 'erased';
    const data = this.wrapped(subject, key, newestOf(this.masterKey));
    try {
      const { facts } = await this.log.transact(subjects, subject, rewrapKey(data), context);
      return facts.length > 0 ? 'rewrapped' : 'unchanged';
    } catch (error) {
      if (isDeletedStream(error)) return 'erased';
      throw error;
    }
  }

  /** Every subject that the log has a key of, each once; of erased ones too, as long as the store keeps what they leave. */
  async *all(): AsyncGenerator<string> {
    const seen = new Set<string>();
    let after: bigint | undefined;
    for (;;) {
      const page = await this.log.readAllAfter(after, [subjects.category]);
      if (page.length === 0) return;
      after = page.at(-1)!.position;
      for (const { id, stream } of page) {
        if (seen.has(id) || stream !== streamName(subjects.category, id)) continue;
        seen.add(id);
        yield id;
      }
    }
  }

  /** Without a key when there never was one, and when the subject was erased. */
  private async stateOf(subject: string): Promise<SubjectState> {
    try {
      return (await this.log.read(subjects, subject)).state;
    } catch (error) {
      if (isDeletedStream(error)) return subjects.initial;
      throw error;
    }
  }

  /**
   * A rotation that began since the key was wrapped may have passed the subject by, and is about to destroy what wraps it.
   * This process still has the key, so it wraps it itself, before anything is sealed with it. Where the master key does not
   * change under it, the operator sees to that, and nodes that do not know the newest generation yet must not be shut out.
   */
  private async keepNewest(
    subject: string,
    key: Buffer,
    wrappedBy: string,
    context: CommandContext,
  ): Promise<void> {
    if (!this.masterKey.reread) return;
    let current = wrappedBy;
    for (let newest = newestOf(this.reread()); newest.id !== current; newest = newestOf(this.reread())) {
      const data = this.wrapped(subject, key, newest);
      await this.log.transact(subjects, subject, rewrapKey(data), context);
      current = newest.id;
    }
  }

  /** undefined without a key in `state`, or when the subject was erased meanwhile. */
  private async unwrapped(subject: string, { key }: SubjectState): Promise<Buffer | undefined> {
    if (key === undefined) return undefined;
    const { generation: id } = key;
    const generation = generationById(this.masterKey, id) ?? generationById(this.reread(), id);
    if (generation) return unwrap(generation.key, key.wrapped, subject);
    // Between the two readings a rotation may have wrapped the key anew and destroyed the generation that was read.
    const again = await this.stateOf(subject);
    if (again.key?.generation === id) throw new MasterKeyMissing(id);
    return this.unwrapped(subject, again);
  }

  private wrapped(subject: string, key: Buffer, { id: generation, key: wrapping }: Generation) {
    return { at: this.now(), generation, wrapped: wrap(wrapping, key, subject) };
  }

  private remember(subject: string, key: Buffer): Buffer {
    if (!this.keys.has(subject) && this.keys.size >= CACHED_MAX) this.keys.clear();
    this.keys.set(subject, key);
    return key;
  }

  private reread(): MasterKey {
    try {
      return (this.masterKey = this.masterKey.reread?.() ?? this.masterKey);
    } catch (error) {
      throw new Refusal('unavailable', 'the master key cannot be read', { cause: error });
    }
  }
}
