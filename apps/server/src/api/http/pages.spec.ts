import { describe, expect, it } from '@jest/globals';
import { pageOf, placeAfter, TEXT, WHOLE_NUMBER } from './pages.js';
import { Problem } from './problems.js';

const rows = ['a', 'b', 'c'].map((slug) => ({ slug }));
const page = (limit: number) => pageOf('things', rows.slice(0, limit + 1), limit, ({ slug }) => [slug]);
const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('pages', () => {
  it('a page has at most limit items, and its cursor leads behind the last of them', () => {
    const { items, next } = page(2);
    expect(items).toEqual([{ slug: 'a' }, { slug: 'b' }]);
    expect(placeAfter('things', next!, [TEXT])).toEqual(['b']);
  });

  it('the last page has no cursor, also when it is full or empty', () => {
    expect(page(3).next).toBeNull();
    expect(pageOf('things', [], 5, () => []).next).toBeNull();
  });

  it('the first page begins nowhere', () => {
    expect(placeAfter('things', undefined, [TEXT])).toBeUndefined();
  });

  it.each(['', 'x', '-1', '1e3', '1'.repeat(19)])(
    'a forged part %j where a number belongs is a 400',
    (part) => {
      expect(() => placeAfter('things', cursorOf(['things', part]), [WHOLE_NUMBER])).toThrow(Problem);
    },
  );

  it.each([
    ['of another list', cursorOf(['keys', 'b'])],
    ['with too few parts', cursorOf(['things'])],
    ['with too many parts', cursorOf(['things', 'b', 'c'])],
    ['with a number', cursorOf(['things', 1])],
    ['that is no list', cursorOf({ 0: 'things', 1: 'b', length: 2 })],
    ['in another spelling', `${cursorOf(['things', 'b'])}=`],
    ['that is no JSON', 'AAAA'],
    ['that is empty', ''],
  ])('a cursor %s is a 400', (_, cursor) => {
    expect(() => placeAfter('things', cursor, [TEXT])).toThrow(Problem);
  });
});
