import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { GateFixture, TestKey } from './gate-fixture.js';
import { growthDuring, zeros } from './large-bodies.js';

/** What a digest's algorithm and the buffers under way take, in the gate, its client and this test together. */
export const GROWTH_MAX_BYTES = 90 * 1024 * 1024;

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Uploads a blob of that many zero bytes in one PATCH, downloads it again, and says what the gate answered and by how many
 * bytes the process grew meanwhile.
 */
export async function passLargeBlob(gate: GateFixture, { authorization }: TestKey, bytes: number) {
  const hash = createHash('sha256');
  for await (const chunk of zeros(bytes)) hash.update(chunk as Buffer);
  const digest = `sha256:${hash.digest('hex')}`;
  const start = await gate.ask('/v2/team/large/blobs/uploads/', {
    method: 'POST',
    headers: { authorization },
  });
  const statuses = [start.status];
  let downloaded = { bytes: 0, digest: '' };
  const growth = await growthDuring(async () => {
    const headers = { authorization, 'content-length': bytes };
    const patch = await gate.ask(start.headers.location!, { method: 'PATCH', headers, body: zeros(bytes) });
    const commit = `${patch.headers.location!}&digest=${digest}`;
    const put = await gate.ask(commit, { method: 'PUT', headers: { authorization } });
    statuses.push(patch.status, put.status);
    downloaded = await download(gate, `/v2/team/large/blobs/${digest}`, authorization);
  });
  return { digest, statuses, downloaded, growth };
}

async function download(gate: GateFixture, path: string, authorization: string) {
  const sent = gate.open('GET', path, { authorization }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>];
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of response) {
    hash.update(part);
    bytes += part.length;
  }
  return { bytes, digest: `sha256:${hash.digest('hex')}` };
}
