import { parseDuration } from '#libs/kernel';

/** No registry may have reads served without a lease for longer than 15 minutes, whatever its policy says. */
export const SERVE_READS_FOR_MAX_MS = 15 * 60_000;

/**
 * What a gate knows of a registry beside its hosts: whether it has a registry behind the gate to itself, and how long reads
 * go on without a lease. Registries that have the usual (the shared one, and not at all) take no memory here.
 */
export class RegistryTraits {
  readonly #upstreams = new Map<string, string>();
  readonly #serveReadsForMs = new Map<string, number>();

  /** The origin of the registry behind the gate that is this registry's own; undefined: the shared one. */
  upstreamOf(registry: string): string | undefined {
    return this.#upstreams.get(registry);
  }

  /** null: the shared one. Throws on anything that is no text. */
  setUpstream(registry: string, upstream: string | null): void {
    if (upstream === null) this.#upstreams.delete(registry);
    else if (typeof upstream === 'string') this.#upstreams.set(registry, upstream);
    else throw new Error(`the upstream of ${registry} is malformed`);
  }

  /** Milliseconds, at most SERVE_READS_FOR_MAX_MS; 0 = not at all. */
  serveReadsForOf(registry: string): number {
    return this.#serveReadsForMs.get(registry) ?? 0;
  }

  setServeReadsFor(registry: string, milliseconds: number): void {
    if (milliseconds > 0) {
      this.#serveReadsForMs.set(registry, Math.min(milliseconds, SERVE_READS_FOR_MAX_MS));
    } else this.#serveReadsForMs.delete(registry);
  }
}

/** Milliseconds of the `serveReadsFor` of a policy: ISO 8601, null = not at all. Throws on anything else. */
export function serveReadsForMs(serveReadsFor: string | null): number {
  const milliseconds = serveReadsFor === null ? 0 : parseDuration(serveReadsFor);
  if (milliseconds === undefined) throw new Error(`serveReadsFor is no duration: ${serveReadsFor}`);
  return milliseconds;
}
