import Fastify from 'fastify';
import type { Core } from './start-core.js';

/** A worker has no API, but it is watched like every other process: on the port that an API would have. */
export async function startOperations({ settings, closers, operations }: Core): Promise<string> {
  const fastify = Fastify({ logger: false });
  operations(fastify);
  const url = await fastify.listen({ host: settings.apiHost, port: settings.apiPort });
  closers.add('operations', () => fastify.close());
  return url;
}
