import { describe, expect, it } from '@jest/globals';
import { restrictions } from './restrictions.js';

const faultsOf = (body: Parameters<typeof restrictions>[0]): unknown => {
  try {
    return restrictions(body);
  } catch (error) {
    return error;
  }
};

describe('the restrictions of a key', () => {
  it('are those that were named, in the one form in which they are stored', () => {
    expect(
      restrictions({
        repositories: ['team/api', 'team/*', 'team/**', 'app-*'],
        networks: ['10.1.2.3/8', '203.0.113.7', '::ffff:192.0.2.1', '2001:DB8::/32'],
      }),
    ).toEqual({
      repositories: ['team/api', 'team/*', 'team/**', 'app-*'],
      networks: ['10.0.0.0/8', '203.0.113.7/32', '192.0.2.1/32', '2001:db8::/32'],
    });
  });

  it('that were not named stay unnamed, and null is none', () => {
    expect(restrictions({})).toEqual({});
    expect(restrictions({ repositories: null })).toEqual({ repositories: [] });
    expect(restrictions({ networks: [] })).toEqual({ networks: [] });
  });

  it('are refused at each entry that is none, and no text repeats the value', () => {
    const networks = ['10.0.0.0/8', 'hunter2', 7, '10.0.0.0/33', null];
    const repositories = ['Team/*', 'team/*', ''];
    const fault = (pointer: string) => ({
      pointer,
      code: 'invalid-value',
      detail: expect.stringMatching(new RegExp(`^${pointer.slice(1).replace('/', '\\[')}\\]: .+\\.$`)),
    });
    const refused = faultsOf({ repositories, networks });
    expect(refused).toMatchObject({
      code: 'invalid-request',
      errors: [
        fault('/repositories/0'),
        fault('/repositories/2'),
        fault('/networks/1'),
        fault('/networks/2'),
        fault('/networks/3'),
        fault('/networks/4'),
      ],
    });
    expect(JSON.stringify(refused)).not.toMatch(/hunter2|Team/);
    expect((refused as Error).message).not.toContain('hunter2');
  });

  it.each([
    [{ networks: ['10.0.0.0/8', '192.0.2.0/24', '10.9.9.9/8'] }, '/networks/2', '[0]'],
    [{ networks: ['192.0.2.1', '::ffff:192.0.2.1/128'] }, '/networks/1', '[0]'],
    [{ networks: ['2001:db8::/32', '2001:0DB8:0::/32'] }, '/networks/1', '[0]'],
    [{ repositories: ['a', 'team/*', 'team/*'] }, '/repositories/2', '[1]'],
  ])('are refused when two of them are the same: %j', (body, pointer, other) => {
    expect(faultsOf(body)).toMatchObject({ errors: [{ pointer, detail: expect.stringContaining(other) }] });
  });

  it('name as many faults as a caller can act on', () => {
    const networks = Array.from({ length: 100 }, () => 'x');
    expect(faultsOf({ networks })).toMatchObject({ errors: { length: 20 } });
  });
});
