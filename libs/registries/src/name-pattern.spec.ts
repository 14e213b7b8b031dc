import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NamePattern, namePatternProblem } from './name-pattern.js';

describe('a pattern of names', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['ci-', ['ci-1', 'my ci-'], ['ci', 'CI-1']],
    ['^ci-', ['ci-1', 'ci-'], ['my ci-']],
    ['^ci-$', ['ci-'], ['ci-1']],
    ['^[a-z0-9-]+$', ['team-1'], ['', 'Team', 'a b']],
    ['^(ci|deploy)-[a-z]{2,4}$', ['ci-ab', 'deploy-abcd'], ['ci-a', 'ci-abcde', 'x-ab']],
    ['^(?:ab)*$', ['', 'abab'], ['aba']],
    ['^\\d+\\.\\w\\s?$', ['12.x', '1._ '], ['12x', '.x']],
    ['^[^A-Z]+$', ['ab1'], ['aB1']],
    ['^a?b+$', ['b', 'abb'], ['a', 'aab']],
    ['^.{3}$', ['äöü', '🚢🚢🚢'], ['ab', 'abcd']],
    ['^a{2,}$', ['aa', 'aaaa'], ['a']],
    ['^a{0}$', [''], ['a']],
    ['^(a*)*$', ['', 'aaa'], ['b']],
    ['a|b|', ['anything'], []],
    ['^[\\]\\-a-]+$', [']-a'], ['b']],
  ])('%s matches %j and not %j', (text, matching, others) => {
    const pattern = new NamePattern(text);
    expect(matching.filter((name) => !pattern.matches(name))).toEqual([]);
    expect(others.filter((name) => pattern.matches(name))).toEqual([]);
  });

  it.each([
    '(', ')', 'a)', '[', '[a', '[]', '[z-a]', '[\\d-a]x[', '*', '+a', 'a**', 'a*?', 'a{2}{2}', 'a{5,2}', 'a{101}', '(?=a)', '(?<n>a)',
    '\\1', '\\b', '\\', '((a{100}){100}){100}', 'x'.repeat(201),
  ])('cannot be %s', (text) => expect(namePatternProblem(text)).toEqual(expect.any(String))); // prettier-ignore

  it('matches what the regular expressions of the language match', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(?:ab)', '(a*)', '(b|)', '^', '$');
    const part = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,}', '{0,2}'));
    const text = fc
      .array(part, { minLength: 1, maxLength: 6 })
      .map((parts) => parts.map(([one, count]) => ('^$'.includes(one) ? one : one + count)).join(''));
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(text, name, (pattern, value) => {
        expect(new NamePattern(pattern).matches(value)).toBe(new RegExp(pattern, 'u').test(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it('costs a name no more than its length, where other engines take for ever', () => {
    const pattern = new NamePattern('^((a+)+)+$');
    expect(pattern.matches(`${'a'.repeat(199)}b`)).toBe(false);
  });

  it('is read in no time however deep repetitions of nothing are nested', () => {
    for (const nothing of ['()', 'a{0}', '(a{0})']) {
      const nested = `${'('.repeat(12)}${nothing}${'){100}'.repeat(12)}`;
      expect(namePatternProblem(nested)).toBeUndefined();
      expect(namePatternProblem(`^a{3}${nested}$`)).toBeUndefined();
    }
  });
});
