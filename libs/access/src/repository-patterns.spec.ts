import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRepository } from './registry-names.js';
import { patternIncludes, RepositoryPatterns, repositoryPatternProblem } from './repository-patterns.js';

const LENGTH_MAX = 255;

function has(pattern: string, ...names: string[]): boolean[] {
  const patterns = new RepositoryPatterns([pattern]);
  return names.map((name) => patterns.has(name));
}

/** Another reading of the same rules, as a regular expression: fit for short patterns only. */
function expressionOf(pattern: string): RegExp {
  const deep = pattern === '**' || pattern.endsWith('/**');
  const source = (deep ? pattern.slice(0, -2) : pattern).replaceAll('.', '\\.').replaceAll('*', '[^/]*');
  return new RegExp(`^${source}${deep ? '.+' : ''}$`);
}

describe('a repository pattern', () => {
  it.each<[string, string[], string[]]>([
    ['team/api', ['team/api'], ['team', 'team/apis', 'team/api/v1', 'a-team/api', 'api']],
    ['team/*', ['team/api', 'team/a'], ['team', 'team/a/b', 'teams/a', 'a/team/b']],
    ['team/**', ['team/api', 'team/a/b/c'], ['team', 'teams', 'teams/a', 'a/team/b']],
    ['*', ['api', 'a-b'], ['team/api']],
    ['**', ['api', 'team/api', 'a/b/c'], []],
    ['*/api', ['team/api'], ['api', 'a/team/api', 'team/apis']],
    ['*/**', ['team/api', 'a/b/c'], ['api']],
    ['app-*', ['app-web', 'app-web-2'], ['app', 'my-app-web', 'app-web/api']],
    ['*-prod', ['api-prod', 'a-b-prod'], ['prod', 'api-prod-2', 'team/api-prod']],
    ['a*a', ['aa', 'aba', 'aaa'], ['a', 'ab', 'baa']],
    ['a*b*c', ['abc', 'axbxc', 'abbcbc'], ['ab', 'acb', 'a/b/c', 'abcd']],
    ['*/app-*/**', ['team/app-web/api', 'team/app-web/a/b'], ['team/app-web', 'team/web/api']],
    ['team/app-*/api', ['team/app-web/api'], ['team/app-web', 'team/app-web/api/v1', 'team/app/api']],
  ])('%s has %j and not %j', (pattern, inside, outside) => {
    expect(repositoryPatternProblem(pattern)).toBeUndefined();
    expect(has(pattern, ...inside)).toEqual(inside.map(() => true));
    expect(has(pattern, ...outside)).toEqual(outside.map(() => false));
  });

  it.each([
    ['', 'not empty'],
    ['a'.repeat(256), 'at most 255'],
    ['Team/*', 'upper-case'],
    ['team/?', 'character 6'],
    ['team/[a-z]', 'character 6'],
    ['!team', 'character 1'],
    ['team api', 'character 5'],
    ['tëam', 'character 2'],
    ['team\\api', 'character 5'],
    ['/team', 'component 1 is empty'],
    ['team/', 'component 2 is empty'],
    ['team//api', 'component 2 is empty'],
    ['**/api', 'only at the end'],
    ['team/**/api', 'only at the end'],
    ['team/**a', 'component 2 has more'],
    ['team/***', 'component 2 has more'],
    ['a**', 'stands alone'],
    ['team/-api', 'component 2 begins or ends'],
    ['team./api', 'component 1 begins or ends'],
    ['team/..', 'component 2 begins or ends'],
    ['team/a..b', 'component 2 has separators'],
    ['team/a..*', 'component 2 has separators'],
    ['a___b', 'component 1 has separators'],
    ['a.-b', 'component 1 has separators'],
  ])('is not %j, and the fault is named', (text, problem) => {
    expect(repositoryPatternProblem(text)).toContain(problem);
    expect(has(text, text, 'team/api', 'api', 'a')).toEqual([false, false, false, false]);
  });

  const part = fc.constantFrom('a', 'b', 'ab', '*', '-', '.', '_', '__', 'a-', '-b', '*a', '.*');
  const component = fc.oneof(
    { weight: 6, arbitrary: fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: fc.constantFrom('**', '') },
  );
  const pattern = fc
    .tuple(fc.array(component, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '/**'))
    .map(([components, end]) => components.join('/') + end);
  const valid = pattern.filter((text) => repositoryPatternProblem(text) === undefined);
  const name = fc
    .array(fc.stringMatching(/^[ab]{1,3}([-._][ab]{1,2}){0,2}$/), { minLength: 1, maxLength: 4 })
    .map((components) => components.join('/'));

  it('is a text that becomes the name of a repository when letters stand for its stars, and no other (20,000 texts)', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(pattern, fc.string({ unit: 'binary' })), (text) => {
        const body = text === '**' ? 'a' : text.replace(/\/\*\*$/, '');
        const expected =
          !body.includes('**') && isRepository(body.replaceAll('*', 'a')) && text.length <= LENGTH_MAX;
        if (expected) accepted++;
        expect(repositoryPatternProblem(text) === undefined).toBe(expected);
      }),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(1_000);
  });

  it('has exactly the names that its reading as a regular expression has (20,000 pairs)', () => {
    let matched = 0;
    const likely = fc.tuple(
      valid,
      fc.array(fc.constantFrom('', 'a', 'b', 'ab', 'a-b'), { minLength: 9, maxLength: 9 }),
    );
    const pair = fc.oneof(
      fc.tuple(valid, name),
      likely.map(([text, fillers]): [string, string] => {
        let index = 0;
        return [text, text.replace('**', 'b/a').replaceAll('*', () => fillers[index++ % fillers.length]!)];
      }),
    );
    fc.assert(
      fc.property(pair, ([text, repository]) => {
        if (!isRepository(repository)) return;
        const expected = expressionOf(text).test(repository);
        if (expected) matched++;
        expect(has(text, repository)).toEqual([expected]);
      }),
      { numRuns: 20_000 },
    );
    expect(matched).toBeGreaterThan(3_000);
  });

  it('includes another one only when every name of that one is its own (20,000 pairs)', () => {
    let included = 0;
    fc.assert(
      fc.property(
        valid,
        valid,
        name,
        fc.array(fc.constantFrom('', 'a', 'a-b')),
        (outer, inner, other, fillers) => {
          if (!patternIncludes(outer, inner)) return;
          included++;
          let index = 0;
          const filled = inner.replace('**', other).replaceAll('*', () => fillers[index++] ?? 'b');
          for (const repository of [other, filled]) {
            if (isRepository(repository) && has(inner, repository)[0])
              expect(has(outer, repository)).toEqual([true]);
          }
        },
      ),
      { numRuns: 20_000 },
    );
    expect(included).toBeGreaterThan(500);
  });

  it.each<[string, string, boolean]>([
    ['team/api', 'team/api', true],
    ['team/*', 'team/api', true],
    ['team/*', 'team/*', true],
    ['team/*', 'team/app-*', true],
    ['team/**', 'team/*', true],
    ['team/**', 'team/a/**', true],
    ['**', '**', true],
    ['**', 'team/*', true],
    ['*', 'app-*', true],
    ['app-*', 'app-*-prod', true],
    ['*/**', 'team/**', true],
    ['team/*', 'team/**', false],
    ['*', '**', false],
    ['*/**', '**', false],
    ['team/**', 'team', false],
    ['team/api', 'team/*', false],
    ['app-*', '*', false],
    ['**', 'no pattern', false],
    ['a//b', 'a//b', false],
  ])('%s includes %s: %j', (outer, inner, expected) => {
    expect(patternIncludes(outer, inner)).toBe(expected);
  });

  it('of 255 characters is matched in a time that does not grow faster than the name, however hostile both are', () => {
    const a = (count: number) => 'a'.repeat(count);
    const hostile: [string, string][] = [
      [`${'*a'.repeat(126)}*b`, a(LENGTH_MAX)],
      [`*${a(126)}b*`, a(LENGTH_MAX)],
      [`*${a(60)}b*${a(60)}b*${a(60)}b*`, `${a(60)}b${a(60)}b${a(120)}`],
      [`${'*ab'.repeat(84)}*c`, 'ab'.repeat(127)],
      [`*${'ab'.repeat(60)}c*`, 'ab'.repeat(127)],
      [`${'*/'.repeat(126)}b*`, 'a/'.repeat(127) + 'a'],
    ];
    const costOf = (pattern: string, repository: string): number => {
      expect(repositoryPatternProblem(pattern)).toBeUndefined();
      const patterns = new RepositoryPatterns([pattern]);
      let found = 0;
      const rounds = Array.from({ length: 5 }, () => {
        const start = process.cpuUsage();
        for (let round = 0; round < 2_000; round++) if (patterns.has(repository)) found++;
        const { user, system } = process.cpuUsage(start);
        return user + system;
      });
      expect(found).toBe(0);
      return Math.min(...rounds);
    };
    costOf('*b*', a(LENGTH_MAX));
    const once = costOf('*b*', a(LENGTH_MAX));
    for (const [pattern, repository] of hostile) expect(costOf(pattern, repository) / once).toBeLessThan(15);
  });
});
