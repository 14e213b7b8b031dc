import { expect } from '@jest/globals';
import type { Answer } from './http-exchange.js';

/** The answer is a problem with this status and code. */
export function expectRefused({ status, text }: Answer, expected: number, code: string): void {
  expect({ status, body: JSON.parse(text) as unknown }).toMatchObject({
    status: expected,
    body: { status: expected, code, type: `/problems/${code}` },
  });
}
