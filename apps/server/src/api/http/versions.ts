import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from './problems.js';

/** RFC 9110 section 8.8.3, and lists of it; the tags of this API are numbers, so commas never stand in one that matches. */
const ENTITY_TAG = /^(W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
/** A caller has one version, or a few; a longer list is something else. */
const TAGS_MAX = 32;

/** Says in which version (a stream revision) the answer shows its resource. */
export function showVersion(reply: FastifyReply, version: bigint): void {
  void reply.header('etag', entityTag(version));
}

/** What `If-Match` asks for: the resource is changed only if it still is as the caller has seen it. */
export class Precondition {
  /** undefined: any version will do. */
  private constructor(private readonly tags: ReadonlySet<string> | undefined) {}

  /** Throws 400 for a header that is none. */
  static parse(header: string): Precondition {
    if (header.trim() === '*') return new Precondition(undefined);
    const tags = header.split(',').map((tag) => tag.trim());
    if (tags.length > TAGS_MAX || !tags.every((tag) => ENTITY_TAG.test(tag))) {
      throw new Problem('malformed-request', 'If-Match is `*`, or one or more ETags in quotes.');
    }
    return new Precondition(new Set(tags));
  }

  /**
   * Called inside the decision, with the version that it decides on. Compares strongly (RFC 9110 section 13.1.1): a weak tag
   * never matches. Throws 412.
   */
  require(version: bigint): void {
    if (this.tags === undefined || this.tags.has(entityTag(version))) return;
    throw new Problem('precondition-failed', 'It is no longer in the version that If-Match names.');
  }
}

/** The precondition of the call; undefined without the header `If-Match`. */
export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const header = context.switchToHttp().getRequest<FastifyRequest>().headers['if-match'];
  return header === undefined ? undefined : Precondition.parse(header);
});

/** Says in the OpenAPI document that the route takes `IfMatch`. */
export const TakesIfMatch = () =>
  ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The `ETag` that the change is for: with another one the answer is 412.',
  });

/** Answers 304 to a read whose `If-None-Match` names the version that the answer would show. */
export function answerUnchanged(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const { method, headers, url } = request;
    const isRead = method === 'GET' || method === 'HEAD';
    const tag = reply.getHeader('etag');
    const asked = headers['if-none-match'];
    if (!isRead || asked === undefined || typeof tag !== 'string' || reply.statusCode !== 200)
      return done(null, payload);
    if (!url.startsWith('/v1/') || !names(asked, tag)) return done(null, payload);
    void reply.status(304).removeHeader('content-type').removeHeader('content-length');
    done(null, null);
  });
}

/** Compares weakly (RFC 9110 section 13.1.2): a proxy may have weakened the tag. */
function names(header: string, tag: string): boolean {
  const tags = header.split(',').map((one) => one.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(tag);
}

function entityTag(version: bigint): string {
  return `"${version}"`;
}
