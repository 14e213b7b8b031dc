import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILE_NAME = 'reserve';

/**
 * Room kept for the small critical appends of a full disk: twice what the write-ahead log holds between two
 * checkpoints (4 MiB), since moving it into the main file needs the same room again.
 */
export const RESERVE_BYTES = 8 * 1024 * 1024;

/** A full disk is asked for the reserve again at most this often. */
const RETRY_MS = 1000;

/**
 * A file that takes up room. It is given free when the disk is full, so that what narrows access can still be stored,
 * and taken again when there is room.
 */
export class DiskReserve {
  private held = false;
  private triedAtMs = 0;
  private readonly file: string;

  constructor(
    directory: string,
    private readonly bytes = RESERVE_BYTES,
  ) {
    this.file = join(directory, FILE_NAME);
  }

  /** True when the room is held. Asks the disk at most once a second while it is full. */
  take(nowMs: number): boolean {
    if (this.held) return true;
    if (nowMs - this.triedAtMs < RETRY_MS) return false;
    this.triedAtMs = nowMs;
    this.held = this.present() || this.write();
    return this.held;
  }

  release(): void {
    this.held = false;
    rmSync(this.file, { force: true });
  }

  private present(): boolean {
    return (statSync(this.file, { throwIfNoEntry: false })?.size ?? 0) >= this.bytes;
  }

  /** Written with bytes, not with a hole: only those take up room. */
  private write(): boolean {
    try {
      const descriptor = openSync(this.file, 'w', 0o600);
      try {
        const block = Buffer.alloc(1024 * 1024, 0x72);
        for (let left = this.bytes; left > 0; left -= block.length) {
          writeSync(descriptor, block, 0, Math.min(left, block.length));
        }
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      return this.present();
    } catch {
      // No room for it (or for its whole): give back what was taken and go without.
      this.release();
      return false;
    }
  }
}
