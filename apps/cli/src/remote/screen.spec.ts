import { describe, expect, it } from '@jest/globals';
import { shown } from './screen.js';

describe('text of somebody else', () => {
  it('reaches a terminal on one line, without what steers it or turns it around', () => {
    const hostile = 'a\u001b[2Jb\u009b31mc\r\nd\te\u202etxt.exe\u2028f\u0000';
    expect(shown(hostile)).toBe('a [2Jb 31mc d e txt.exe f ');
    expect(shown('äö 漢字 🚀 -_"\\')).toBe('äö 漢字 🚀 -_"\\');
  });
});
