import type { FastifyInstance } from 'fastify';
import { timingSafeEqual } from 'node:crypto';
import type { Metrics } from '#libs/platform';

/** One part of the process, as `/readyz` and `/v1/status` show it. */
export interface Check {
  readonly name: string;
  /** undefined = in order; else what is wrong, without secrets. */
  readonly problem: () => string | undefined;
  /** Whether the process takes no work while this is wrong. Redis is only reported: the gate needs none. */
  readonly required: boolean;
}

/** `/livez`, `/readyz`, `/metrics` and `/v1/status`: the same on both ports, open but for METRICS_TOKEN. */
export function mountOperations(
  fastify: FastifyInstance,
  options: {
    checks: readonly Check[];
    metrics: Metrics;
    metricsToken: string | undefined;
    status: () => object;
  },
): void {
  const { checks, metrics, metricsToken } = options;
  fastify.get('/livez', (_request, reply) => reply.type('text/plain').send('ok\n'));
  fastify.get('/readyz', (_request, reply) => {
    const ready = isReady(checks);
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ ready, checks: results(checks) });
  });
  fastify.get('/v1/status', (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .send({ ready: isReady(checks), checks: results(checks), ...options.status() }),
  );
  fastify.get('/metrics', async (request, reply) => {
    if (metricsToken !== undefined && !isBearer(request.headers.authorization, metricsToken)) {
      return reply.code(401).header('www-authenticate', 'Bearer').send();
    }
    return reply.type(metrics.registry.contentType).send(await metrics.text());
  });
}

function isReady(checks: readonly Check[]): boolean {
  return checks.every((check) => !check.required || check.problem() === undefined);
}

function results(checks: readonly Check[]) {
  return checks.map(({ name, problem, required }) => ({ name, required, problem: problem() ?? null }));
}

function isBearer(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
