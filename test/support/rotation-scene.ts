import { keys, scheduleRotation, type ExistingKey, type NewKey } from '#libs/keys';
import { parseMasterKey, SubjectKeys } from '#libs/personal-data';
import { createLog, now, randomBase62 } from '#libs/platform';
import { createRegistry, registries } from '#libs/registries';
import type { RotationTarget } from '../../apps/server/src/rotation-target.js';
import type { RotationParts } from '../../apps/server/src/worker/automatic-rotation.js';
import { RotateKeys } from '../../apps/server/src/worker/rotate-keys.js';
import { REGISTRY, WorkerFixture } from './worker-fixture.js';

/** For specs only: a registry whose keys have schedules, and the workers that rotate them. */
export class RotationScene {
  readonly subjectKeys: SubjectKeys;
  private readonly workers: RotateKeys[] = [];

  private constructor(
    readonly fixture: WorkerFixture,
    private readonly deliver: RotationParts['deliver'],
  ) {
    const masterKey = parseMasterKey(Buffer.alloc(32, 7).toString('base64'));
    this.subjectKeys = new SubjectKeys(fixture.log, masterKey, now);
  }

  static async start(deliver: RotationParts['deliver']): Promise<RotationScene> {
    const scene = new RotationScene(await WorkerFixture.start(), deliver);
    const { log } = scene.fixture;
    const created = {
      at: now(),
      slug: 'myapp',
      name: 'My app',
      plan: 'enterprise',
      createdBy: 'usr_a',
    } as const;
    await log.create(registries, REGISTRY, createRegistry(created, []), scene.fixture.context());
    return scene;
  }

  parts(): RotationParts {
    return {
      log: this.fixture.log,
      readModels: this.fixture.readModels,
      membership: { widened: () => Promise.resolve() },
      subjectKeys: () => Promise.resolve(this.subjectKeys),
      deliver: this.deliver,
    };
  }

  /** Those of one prefix share their queue. */
  worker(prefix: string): RotateKeys {
    const started = new RotateKeys(this.parts(), this.fixture.queue(prefix), createLog('fatal'));
    this.workers.push(started);
    return started;
  }

  /** A key that is to be rotated `inMs` from now. */
  async scheduled(target: RotationTarget, inMs: number, more: Partial<NewKey> = {}): Promise<string> {
    const id = await this.fixture.key(more);
    await this.schedule(id, `rot_${randomBase62(16)}`, target, inMs);
    return id;
  }

  /** Gives the key this schedule from now on. */
  async schedule(id: string, schedule: string, target: RotationTarget, inMs: number): Promise<void> {
    const sealed = await this.subjectKeys.seal(schedule, JSON.stringify(target), this.fixture.context());
    const data = {
      at: now(), registry: REGISTRY, schedule, every: 'P30D', gracePeriod: 'PT24H', kind: target.kind, target: sealed,
      dueAt: this.fixture.ago(-inMs),
    }; // prettier-ignore
    await this.fixture.decide(id, scheduleRotation(data));
  }

  async stateOf(id: string): Promise<ExistingKey> {
    const { state } = await this.fixture.log.read(keys, id);
    if (state.status === 'none') throw new Error(`no key ${id}`);
    return state;
  }

  /** Every successor that was ever made for a key, the oldest first. */
  async heirsOf(id: string): Promise<ExistingKey[]> {
    const sql = 'SELECT id FROM keys WHERE rotates = ? ORDER BY born';
    const rows = this.fixture.readModels.database.all(sql, [id]);
    return Promise.all(rows.map((row) => this.stateOf(row['id'] as string)));
  }

  async close(): Promise<void> {
    for (const worker of this.workers) await worker.close();
    await this.fixture.close();
  }
}
