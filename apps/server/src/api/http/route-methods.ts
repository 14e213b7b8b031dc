import type { FastifyInstance } from 'fastify';

/** Which methods each route has, so that a wrong method is answered with 405 and `Allow`. Fastify only knows "not found". */
export class RouteMethods {
  private readonly methods = new Map<string, Set<string>>();

  /** Must run before the routes are registered. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ url, method }) => {
      const known = this.methods.get(url) ?? new Set();
      for (const one of [method].flat()) known.add(one);
      this.methods.set(url, known);
    });
  }

  /** The methods of the routes that match the path, sorted; empty when there is no such route. */
  allowedFor(url: string): string[] {
    const path = url.split(/[?#]/, 1)[0]!.split('/');
    const allowed = new Set<string>();
    for (const [route, methods] of this.methods) {
      if (matches(route.split('/'), path)) methods.forEach((method) => allowed.add(method));
    }
    return [...allowed].sort();
  }
}

/** Whether the segments of a path fit a route's; `:name` takes one that is not empty. A `*` route takes all methods it has by itself. */
function matches(route: readonly string[], path: readonly string[]): boolean {
  if (route.length !== path.length) return false;
  return route.every((segment, at) => (segment.startsWith(':') ? path[at] !== '' : segment === path[at]));
}
