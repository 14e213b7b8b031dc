import { Readable } from 'node:stream';

const CHUNK = Buffer.alloc(65_536);
const SAMPLE_EVERY_MS = 20;

/** A stream of that many zero bytes, made as they are read. */
export function zeros(bytes: number): Readable {
  let left = bytes;
  return new Readable({
    read() {
      const size = Math.min(left, CHUNK.length);
      left -= size;
      this.push(size === 0 ? null : CHUNK.subarray(0, size));
    },
  });
}

/** Reads a stream to its end without keeping it and returns its length. */
export async function countBytes(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  return bytes;
}

/** Runs `work` and returns by how many bytes the process grew at most (resident set). */
export async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), SAMPLE_EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(sampling);
  }
  return peak - before;
}
