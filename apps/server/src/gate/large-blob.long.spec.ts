import { expect, it } from '@jest/globals';
import { GROWTH_MAX_BYTES, passLargeBlob } from './testing/blobs.js';
import { startDockerRegistry } from './testing/docker-registry.js';
import { GateFixture } from './testing/gate-fixture.js';

/** The size that the project promises to pass in constant memory. */
const BLOB_BYTES = 600 * 1024 * 1024;

it('a blob of 600 MB goes to a real registry and back in constant memory', async () => {
  const registry = await startDockerRegistry();
  const gate = await GateFixture.start({ upstream: registry.url });
  try {
    const passed = await passLargeBlob(gate, gate.generateKey('read-write'), BLOB_BYTES);
    expect(passed.statuses).toEqual([202, 202, 201]);
    expect(passed.downloaded).toEqual({ bytes: BLOB_BYTES, digest: passed.digest });
    expect(passed.growth).toBeLessThan(GROWTH_MAX_BYTES);
  } finally {
    await gate.gate.close();
    await registry.stop();
  }
}, 180_000);
