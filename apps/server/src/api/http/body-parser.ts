import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalidField, Problem } from './problems.js';

/** Deeper bodies are refused: no route takes more than three levels, and the validators recurse. */
const DEPTH_MAX = 16;

/** NUL and half surrogate pairs cannot be stored or hashed alike everywhere, so no text may hold them. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** Keys through which a copy of the body could change its own prototype; class-transformer would drop them silently. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Bodies as they came, for whoever checks a signature over them; they live as long as their requests. */
const rawBodies = new WeakMap<FastifyRequest, Buffer>();

/** The bytes of the body; empty when there was none. */
export function rawBodyOf(request: FastifyRequest): Buffer {
  return rawBodies.get(request) ?? Buffer.alloc(0);
}

/** What CNCF distribution calls the JSON of its notifications, in its third and second release. */
const NOTIFICATIONS = [
  'application/vnd.docker.distribution.events.v2+json',
  'application/vnd.docker.distribution.events.v1+json',
];

/**
 * JSON in UTF-8 is the only body that the API takes. An empty body is no body, because many clients name a content type
 * on every DELETE. What passes here holds no unstorable text, no prototype keys and at most 16 levels.
 */
export function acceptOnlyJson(fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    ['application/json', ...NOTIFICATIONS],
    { parseAs: 'buffer' },
    (request, body, done) => {
      if (body.length === 0) return done(null, undefined);
      rawBodies.set(request, body as Buffer);
      if (!isUtf8(body as Buffer)) return done(malformed('The body is not UTF-8.'));
      void parseJson(request, body.toString(), (error, value: unknown) => {
        const problem = error ? malformed('The body is not valid JSON.') : faultOf(value);
        done(problem ?? null, value);
      });
    },
  );
}

function malformed(detail: string): Problem {
  return new Problem('malformed-json', detail);
}

/** The first fault found in a parsed body; undefined when there is none. */
function faultOf(root: unknown): Problem | undefined {
  const pending: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { value, depth } = next;
    if (depth > DEPTH_MAX) return invalidField('', `The body is nested deeper than ${DEPTH_MAX} levels.`);
    if (typeof value === 'string' && UNSTORABLE.test(value)) return invalidField('', TEXT_FAULT);
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (FORBIDDEN_KEYS.has(key)) return invalidField('', `No field may be called ${key}.`);
      if (UNSTORABLE.test(key)) return invalidField('', TEXT_FAULT);
      pending.push({ value: child, depth: depth + 1 });
    }
  }
  return undefined;
}

const TEXT_FAULT = 'The body holds a NUL character or half a surrogate pair.';
