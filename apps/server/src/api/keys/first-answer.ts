import { createHash, createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { canonicalJson } from '#libs/audit';
import { EventLog } from '#libs/event-store';
import { BASE62, ID_LENGTH, Refusal } from '#libs/kernel';
import { keys, type KeyState } from '#libs/keys';
import { Installation } from '../../installation.js';
import type { Caller } from '../http/caller.js';
import { Problem } from '../http/problems.js';

/** A call that the caller may repeat with the same answer. */
export interface Repeatable {
  /** User, route and Idempotency-Key: the same text, the same key id. */
  readonly identity: string;
  /** SHA-256 of the canonical body, hex; stands in the event's metadata. */
  readonly bodyHash: string;
}

export interface Answer {
  readonly id: string;
  /** null: the key was shown in the first answer. */
  readonly secret: string | null;
  readonly state: KeyState;
  readonly position: bigint;
}

/** Whether a key that a call has left stands for its answer; 'void': as if the call had never been made. */
type Standing = (id: string, state: KeyState) => Promise<'stands' | 'under-way' | 'void'>;

/** How long a repetition gives the first answer; later the same Idempotency-Key generates a new key. */
const REMEMBERED_FOR_MS = 24 * 3_600_000;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Idempotency-Key on generate, kept by the log itself: the key's id is HMAC-SHA-256(user, route, Idempotency-Key), so that
 * a repetition meets the first call's stream, whatever else was lost in between.
 */
@Injectable()
export class FirstAnswer {
  constructor(
    private readonly log: EventLog,
    private readonly installation: Installation,
  ) {}

  /** What the header asks for; undefined without one. Throws 400 when it is not 1 to 255 printable ASCII characters. */
  asked(header: string | undefined, caller: Caller, route: string, body: object): Repeatable | undefined {
    if (header === undefined) return undefined;
    if (!IDEMPOTENCY_KEY.test(header)) {
      throw new Problem('malformed-request', 'Idempotency-Key has 1 to 255 printable ASCII characters.');
    }
    const bodyHash = createHash('sha256').update(canonicalJson(body)).digest('hex');
    return { identity: JSON.stringify([caller.userId, route, header]), bodyHash };
  }

  /**
   * Runs `generate` with the id that belongs to the call, unless it ran within 24 hours: then its answer without the key.
   * `standing` is for a call that writes more than the new key.
   */
  async of(
    call: Repeatable,
    at: string,
    generate: (id: string) => Promise<Answer>,
    standing?: Standing,
  ): Promise<Answer> {
    for (let generation = 0; ; generation++) {
      const id = this.keyId(call.identity, generation);
      const first = await this.firstOf(id, call, at, standing);
      if (first === 'forgotten') continue;
      if (first) return first;
      try {
        return await generate(id);
      } catch (error) {
        const concurrent =
          error instanceof Refusal &&
          error.code === 'conflict' &&
          (await this.firstOf(id, call, at, standing));
        if (!concurrent || concurrent === 'forgotten') throw error;
        return concurrent;
      }
    }
  }

  private async firstOf(
    id: string,
    call: Repeatable,
    at: string,
    standing: Standing | undefined,
  ): Promise<Answer | 'forgotten' | undefined> {
    const { state, position, events } = await this.log.read(keys, id);
    if (state.status === 'none') return undefined;
    if (Date.parse(at) - Date.parse(state.generated.at) > REMEMBERED_FOR_MS) return 'forgotten';
    if (events[0]?.metadata.bodyHash !== call.bodyHash) {
      throw new Refusal('idempotency-key-reused', 'this Idempotency-Key came with another body before');
    }
    const stands = (await standing?.(id, state)) ?? 'stands';
    if (stands === 'under-way') {
      throw new Refusal('idempotency-in-progress', 'the first call with this Idempotency-Key is not over');
    }
    return stands === 'void' ? 'forgotten' : { id, secret: null, state, position };
  }

  /** Secret enough: ids of keys are public, and the log's id only keeps two installations apart. */
  private keyId(identity: string, generation: number): string {
    const digest = createHmac('sha256', this.installation.logId).update(`${identity} ${generation}`).digest();
    const digits = Array.from(digest.subarray(0, ID_LENGTH), (byte) => BASE62[byte % 62]).join('');
    return `drk_${digits}`;
  }
}
