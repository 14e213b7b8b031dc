import { createHash, createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { canonicalJson } from '#libs/audit';
import { EventLog, type CommandContext, type StreamRead } from '#libs/event-store';
import { BASE62, ID_LENGTH, Refusal, type Fact, type RecordedFact, type StreamKind } from '#libs/kernel';
import { randomBase62 } from '#libs/platform';
import { Installation } from '../../installation.js';
import type { Caller } from './caller.js';
import { Problem } from './problems.js';

/** A call that the caller may repeat with the same answer. */
export interface Repeatable {
  /** User, route and Idempotency-Key: the same text, the same ids. */
  readonly identity: string;
  /** SHA-256 of the canonical body, hex; stands in the event's metadata. */
  readonly bodyHash: string;
}

/** One making of a thing. A repetition of the call has the very same ids. */
export interface Attempt {
  /** 16 base62 characters: what follows the prefix in the id of the thing. */
  readonly id: string;
  /** The command, with the hash of the body. */
  readonly context: CommandContext;
  /** For `EventLog.transact`, where many calls write to one stream: this call has written nothing there yet. */
  readonly isFirst: ((read: { readonly events: readonly RecordedFact[] }) => void) | undefined;
}

/** How a thing is made, and how the log says that it was. */
export interface Making<State, F extends Fact, Answer> {
  readonly kind: StreamKind<State, F>;
  /** Id of the stream in which what is made stands. */
  readonly streamOf: (attempt: Attempt) => string;
  /** Whether the stream is that of the thing alone, so that its first fact is this call's. */
  readonly ownStream: boolean;
  readonly make: (attempt: Attempt) => Promise<Answer>;
  /** For a call that writes more than that fact: whether all of it stands; 'void': as if the call had never been made. */
  readonly standing?: (attempt: Attempt, read: StreamRead<State>) => Promise<'stands' | 'under-way' | 'void'>;
  /** The first answer, without what is shown once; `fact` is the first one that the call wrote. */
  readonly again: (attempt: Attempt, read: StreamRead<State>, fact: RecordedFact) => Answer | Promise<Answer>;
}

/** How long a repetition gives the first answer; later the same Idempotency-Key makes another thing. */
const REMEMBERED_FOR_MS = 24 * 3_600_000;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Says in the OpenAPI document that the route takes an Idempotency-Key. */
export const TakesIdempotencyKey = () =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'With the same key and body a repetition within 24 hours gives the first answer.',
  });

/**
 * Idempotency-Key on what creates, kept by the log itself: the id of the thing and of the command are
 * HMAC-SHA-256(user, route, Idempotency-Key), so that a repetition meets what the first call wrote, whatever else was lost
 * in between. Two equal calls at once are decided by the store: one makes the thing, the other gives its answer.
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

  /** Makes the thing, unless the call did so within 24 hours: then gives its answer again. Without a `call` it just makes it. */
  async of<State, F extends Fact, Answer>(
    call: Repeatable | undefined,
    context: CommandContext,
    at: string,
    making: Making<State, F, Answer>,
  ): Promise<Answer> {
    if (!call) return making.make({ id: randomBase62(ID_LENGTH), context, isFirst: undefined });
    for (let generation = 0; ; generation++) {
      const attempt = this.attempt(call, generation, context);
      const first = await this.firstOf(making, attempt, at);
      if (first === 'forgotten') continue;
      if (first) return making.again(attempt, first.read, first.fact);
      try {
        return await making.make(attempt);
      } catch (error) {
        const collided = error instanceof Refusal && error.code === 'conflict';
        const concurrent = collided && (await this.firstOf(making, attempt, at));
        if (!concurrent || concurrent === 'forgotten') throw error;
        return making.again(attempt, concurrent.read, concurrent.fact);
      }
    }
  }

  private async firstOf<State, F extends Fact>(
    { kind, streamOf, ownStream, standing }: Omit<Making<State, F, unknown>, 'make' | 'again'>,
    attempt: Attempt,
    at: string,
  ): Promise<{ read: StreamRead<State>; fact: RecordedFact } | 'forgotten' | undefined> {
    const read = await this.log.read(kind, streamOf(attempt));
    const fact = ownStream ? read.events[0] : read.events.find((event) => wrote(attempt.context, event));
    if (!fact) return undefined;
    if (Date.parse(at) - Date.parse((fact.data as { at: string }).at) > REMEMBERED_FOR_MS) return 'forgotten';
    if (fact.metadata.bodyHash !== attempt.context.bodyHash) throw otherBody();
    const stands = (await standing?.(attempt, read)) ?? 'stands';
    if (stands === 'under-way') {
      throw new Refusal('idempotency-in-progress', 'the first call with this Idempotency-Key is not over');
    }
    return stands === 'void' ? 'forgotten' : { read, fact };
  }

  /** Secret enough: ids are public, and the log's id only keeps two installations apart. */
  private attempt({ identity, bodyHash }: Repeatable, generation: number, context: CommandContext): Attempt {
    const hmac = (text: string) => createHmac('sha256', this.installation.logId).update(text).digest();
    const digest = hmac(`${identity} ${generation}`);
    const id = Array.from(digest.subarray(0, ID_LENGTH), (byte) => BASE62[byte % 62]).join('');
    const own = { ...context, commandId: uuidOf(hmac(`command ${identity} ${generation}`)), bodyHash };
    return { id, context: own, isFirst: ({ events }) => refuseSecond(own, events) };
  }
}

/** For a body whose hash does not say all: see create-user.ts. */
export function otherBody(): Refusal {
  return new Refusal('idempotency-key-reused', 'this Idempotency-Key came with another body before');
}

function refuseSecond(context: CommandContext, events: readonly RecordedFact[]): void {
  if (events.some((event) => wrote(context, event)))
    throw new Refusal('conflict', 'this call has been made already');
}

function wrote({ commandId }: CommandContext, { metadata }: RecordedFact): boolean {
  return metadata.causationId === commandId;
}

/** RFC 9562 section 5.8: a UUID of version 8, whose bits are ours to choose. */
function uuidOf(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
