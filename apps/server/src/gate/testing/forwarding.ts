import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { addPrefix, parseRegistryRequest } from '#libs/access';
import { createForwarder } from '../forward.js';
import type { GateLog } from '../gate.js';

/** What the gate says about a request that it passes on. */
export interface PassedOn {
  readonly prefix: string;
  readonly upstream: URL | undefined;
  readonly reaches: (repository: string) => boolean;
}

/** The part of the gate that passes requests on, with the decision in the test's hands: every request is allowed. */
export async function startForwarding(shared: URL | undefined, passedOn: PassedOn) {
  const logged: string[] = [];
  const write = (object: object, message: string) => logged.push(JSON.stringify({ object, message }));
  const log: GateLog = { debug: write, info: write, warn: write, error: write };
  const forwarder = createForwarder(shared, log);
  const fastify = Fastify();
  fastify.decorateRequest('clientAddress', '203.0.113.7');
  fastify.decorateRequest('clientScheme', 'https');
  fastify.addHook('onRequest', (request, reply) => {
    const asked = parseRegistryRequest(request.method, request.originalUrl);
    if (asked.kind === 'refused') throw new Error(asked.message);
    const { prefix, upstream, reaches } = passedOn;
    if (asked.kind === 'catalog') forwarder.catalog(request, reply, { asked, prefix, upstream, reaches });
    else {
      const target = addPrefix(asked, prefix);
      if ('kind' in target) throw new Error(target.message);
      forwarder.forward(request, reply, { asked, target, upstream });
    }
    // The hook does not call on, nor does it resolve: the answer comes from the forwarder.
    return new Promise(() => {});
  });
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  const { port } = fastify.server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    logged,
    async stop() {
      fastify.server.closeAllConnections();
      await fastify.close();
      await forwarder.close();
    },
  };
}
