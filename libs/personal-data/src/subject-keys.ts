import { randomBytes } from 'node:crypto';
import { isDeletedStream, type CommandContext, type EventLog } from '#libs/event-store';
import { Refusal, streamName } from '#libs/kernel';
import { generationById, newestOf, type Generation, type MasterKey } from './master-key.js';
import { seal, SUBJECT_KEY_BYTES, unseal, unwrapKey, wrapKey, type Sealed } from './sealed.js';
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

/** Encrypts and decrypts personal data, each subject's under a key of its own that the log holds wrapped. Owned by the API role. */
export class SubjectKeys {
  private readonly keys = new Map<string, Buffer>();

  constructor(
    private readonly log: EventLog,
    private readonly masterKey: MasterKey,
    private readonly now: () => string,
  ) {}

  /** Seals a text about a subject, whose key is made when it has none. */
  async seal(subject: string, text: string, context: CommandContext): Promise<Sealed> {
    return seal(subject, await this.keyOf(subject, context), text);
  }

  /** The text; undefined when the subject was erased. Throws SealBroken, MasterKeyMissing. */
  async open(sealed: Sealed): Promise<string | undefined> {
    const { subject } = sealed;
    const key = this.keys.get(subject) ?? this.unwrapped(subject, await this.stateOf(subject));
    return key && unseal(sealed, key);
  }

  /** A subject's key, for what must be derived from it; made when there is none. Throws Refusal `not-found` after its erasure. */
  async keyOf(subject: string, context: CommandContext): Promise<Buffer> {
    const known = this.keys.get(subject);
    if (known) return known;
    const { id: generation, key } = newestOf(this.masterKey);
    const fresh = randomBytes(SUBJECT_KEY_BYTES);
    const data = { at: this.now(), generation, wrapped: wrapKey(key, fresh, subject) };
    try {
      const { state } = await this.log.transact(subjects, subject, giveKey(data), context);
      return this.unwrapped(subject, state)!;
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

  /** Wraps a subject's key with the newest generation. True when it was not yet. */
  async rewrap(subject: string, context: CommandContext): Promise<boolean> {
    const { key: known } = await this.stateOf(subject);
    const { id: generation, key: wrapping } = newestOf(this.masterKey);
    if (!known || known.generation === generation) return false;
    const key = unwrapKey(this.generation(known.generation).key, known.wrapped, subject);
    const data = { at: this.now(), generation, wrapped: wrapKey(wrapping, key, subject) };
    const { facts } = await this.log.transact(subjects, subject, rewrapKey(data), context);
    return facts.length > 0;
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

  private unwrapped(subject: string, { key }: SubjectState): Buffer | undefined {
    if (key === undefined) return undefined;
    const unwrapped = unwrapKey(this.generation(key.generation).key, key.wrapped, subject);
    if (this.keys.size >= CACHED_MAX) this.keys.clear();
    this.keys.set(subject, unwrapped);
    return unwrapped;
  }

  private generation(id: string): Generation {
    const generation = generationById(this.masterKey, id);
    if (!generation) throw new MasterKeyMissing(id);
    return generation;
  }
}
