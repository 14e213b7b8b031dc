import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { problemKind, PROBLEMS } from './problems.js';

/** Codes of all refusals in the sources, where they stand as text. */
function refusedCodes(): Set<string> {
  const codes = new Set<string>();
  for (const folder of ['apps', 'libs']) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name.endsWith('.spec.ts')) continue;
      const source = readFileSync(join(folder, name), 'utf8');
      for (const [, code] of source.matchAll(/new Refusal\(\s*'([^']+)'/g)) codes.add(code!);
    }
  }
  return codes;
}

describe('the table of problems', () => {
  it('has a line for every refusal in the sources', () => {
    const codes = [...refusedCodes()];
    expect(codes.length).toBeGreaterThan(2);
    expect(codes.filter((code) => !problemKind(code))).toEqual([]);
  });

  it('has no line for names that every object inherits', () => {
    expect(problemKind('toString')).toBeUndefined();
  });

  it('names failing statuses only, and a time to wait with each 503', () => {
    for (const [code, kind] of Object.entries(PROBLEMS)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(kind.status).toBeGreaterThanOrEqual(400);
      expect(kind.status === 503).toBe(kind.status === 503 && 'retryAfter' in kind);
    }
  });
});
