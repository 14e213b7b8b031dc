import { describe, expect, it } from '@jest/globals';
import { findProgram } from './find-program.js';

describe('looking up a program', () => {
  it('finds it on PATH', () => {
    expect(findProgram('sh', 'dash', '/nowhere:/bin')).toBe('/bin/sh');
  });

  it('finds a service that a plain user has not on PATH', () => {
    expect(findProgram('invoke-rc.d', 'init-system-helpers', '/nowhere')).toMatch(/sbin\/invoke-rc\.d$/);
  });

  it('names the package to install when there is none', () => {
    expect(() => findProgram('no-such-program', 'its-package')).toThrow(
      'The program no-such-program is not installed. Install it as root: ' +
        'apt-get update && apt-get install -y --no-install-recommends its-package',
    );
  });

  it('takes neither a folder nor a file that cannot be run', () => {
    expect(() => findProgram('apt', 'apt', '/etc')).toThrow('not installed');
    expect(() => findProgram('passwd', 'passwd', '/etc')).toThrow('not installed');
  });
});
