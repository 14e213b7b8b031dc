import type { FastifyReply } from 'fastify';

/** How much may go wrong within a time. */
export interface RateLimitPolicy {
  readonly name: string;
  readonly failuresMax: number;
  readonly windowSeconds: number;
}

/** Shows what is left of a limit; called before an answer is known, and again when less is left. */
export type ShowRateLimit = (remaining: number, resetSeconds: number | undefined) => void;

/**
 * Writes `RateLimit-Policy` and `RateLimit` in the structured form of draft-ietf-httpapi-ratelimit-headers-10:
 * `"sign-in";q=10;w=300` and `"sign-in";r=9;t=287`; without `t` nothing has gone wrong and no time runs.
 */
export function rateLimitOn(reply: FastifyReply, policy: RateLimitPolicy): ShowRateLimit {
  const { name, failuresMax, windowSeconds } = policy;
  return (remaining, resetSeconds) => {
    const reset = resetSeconds === undefined ? '' : `;t=${resetSeconds}`;
    void reply.headers({
      'ratelimit-policy': `"${name}";q=${failuresMax};w=${windowSeconds}`,
      ratelimit: `"${name}";r=${Math.max(0, remaining)}${reset}`,
    });
  };
}
