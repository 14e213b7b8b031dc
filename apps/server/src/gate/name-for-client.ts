import { pipeline, Transform, type Readable } from 'node:stream';
import type { UpstreamTarget } from '#libs/access';

/** Every byte is one character in it and comes back unchanged. */
const BYTEWISE = 'latin1';

/**
 * The body with the repository called as the client calls it: wherever `<prefix><repository>` stands, the prefix is left out.
 * Works on the stream, so a list of any number of tags passes, and holds back no more than the end that could be the beginning
 * of a name (254 bytes). It finds names as registries write them, without escapes inside (Go, Java and Python leave `/` alone).
 */
export function nameForClient(body: Readable, { prefix, repository }: UpstreamTarget): Readable {
  // Whoever reads the result sees an error of the body; the body is closed when the reader goes away.
  return pipeline(body, replacing(prefix + repository, repository), () => {});
}

/** Replaces one text by another in a stream, also where it is cut into chunks. `from` must not be empty. */
function replacing(from: string, to: string): Transform {
  let held = '';
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const parts = (held + chunk.toString(BYTEWISE)).split(from);
      const rest = parts.at(-1)!;
      const complete = Math.max(0, rest.length - (from.length - 1));
      held = rest.slice(complete);
      parts[parts.length - 1] = rest.slice(0, complete);
      done(null, Buffer.from(parts.join(to), BYTEWISE));
    },
    flush(done) {
      done(null, Buffer.from(held, BYTEWISE));
    },
  });
}
