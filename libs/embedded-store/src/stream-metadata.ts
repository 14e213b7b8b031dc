import { INT64_MAX } from './wire.js';

/** What a stream's metadata says about which of its events are shown. All zero or absent = everything. */
export interface Retention {
  /** Only this many of the newest events are shown. */
  readonly maxCount: number | undefined;
  readonly maxAgeMs: number | undefined;
  /** Events below this revision are hidden. */
  readonly truncateBefore: number;
}

export const KEEP_ALL: Retention = { maxCount: undefined, maxAgeMs: undefined, truncateBefore: 0 };

/** A metadata stream shows its newest event alone, whatever its own metadata says. */
export const METADATA_RETENTION: Retention = { ...KEEP_ALL, maxCount: 1 };

const PREFIX = '$$';

export function isMetadataStream(stream: string): boolean {
  return stream.startsWith(PREFIX);
}

export function metadataStreamOf(stream: string): string {
  return PREFIX + stream;
}

/** The stream that a metadata stream speaks about. */
export function describedStream(metadataStream: string): string {
  return metadataStream.slice(PREFIX.length);
}

/** `$tb` of a soft-deleted stream: 2^63 - 1, which no JavaScript number is; so it is kept as text. */
export const SOFT_DELETED_JSON = '{"$tb":9223372036854775807}';

export function isSoftDeleted(retention: Retention): boolean {
  return retention.truncateBefore >= INT64_MAX;
}

function parseObject(data: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(data.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads `$maxCount`, `$maxAge` (seconds) and `$tb` as the real server does: what is no JSON object, or has one of them
 * as something else than an integer, counts as no metadata; a zero or negative limit is no limit.
 */
export function parseRetention(data: Buffer): Retention {
  const object = parseObject(data);
  if (!object) return KEEP_ALL;
  const values = ['$maxCount', '$maxAge', '$tb'].map((key) => object[key] ?? undefined);
  if (values.some((value) => value !== undefined && !Number.isInteger(value))) return KEEP_ALL;
  const [maxCount, maxAge, truncateBefore] = values.map((value) =>
    Number(value) > 0 ? Number(value) : undefined,
  );
  return {
    maxCount,
    maxAgeMs: maxAge === undefined ? undefined : maxAge * 1000,
    truncateBefore: truncateBefore ?? 0,
  };
}

/** The same metadata with another `$tb`. */
export function withTruncateBefore(data: Buffer | undefined, truncateBefore: number): Buffer {
  const object = data ? parseObject(data) : undefined;
  return Buffer.from(JSON.stringify({ ...object, $tb: truncateBefore }));
}
