import { describe, expect, it } from '@jest/globals';
import { Hosts, normalizeHost } from './hosts.js';

describe('the host table', () => {
  it.each([
    ['myapp.registry.example', 'myapp.registry.example'],
    ['MyApp.Registry.Example:5000', 'myapp.registry.example'],
    ['myapp.registry.example.', 'myapp.registry.example'],
    ['myapp.registry.example.:443', 'myapp.registry.example'],
    ['127.0.0.1:5000', '127.0.0.1'],
    ['[::1]:5000', '[::1]'],
    ['[FE80::1]', '[fe80::1]'],
    ['localhost', 'localhost'],
  ])('reads the host %s as %s', (header, name) => {
    expect(normalizeHost(header)).toBe(name);
  });

  it.each([
    '',
    ' ',
    '.',
    ':5000',
    'a, b',
    'a b',
    'a.example,a.example',
    'user@a.example',
    'a.example/x',
    'a.example:port',
    'a.example:123456',
    '::1',
    '[::1',
    '[::1].',
    '[a]b',
    'a.example..',
    'é.example',
    'a\0.example',
    'a.example\n',
    '%61.example',
    'a'.repeat(300),
  ])('takes %j for no host', (header) => {
    expect(normalizeHost(header)).toBeUndefined();
  });

  it('answers for slugs under the domain and for added hosts, and for nothing else', () => {
    const hosts = new Hosts('Registry.Example');
    hosts.addSlug('myapp', 'reg_1');
    hosts.addHost('127.0.0.1', 'reg_1');
    hosts.addHost('images.other.example', 'reg_2');
    expect(hosts.registryOf('myapp.registry.example:5000')).toBe('reg_1');
    expect(hosts.registryOf('127.0.0.1:5000')).toBe('reg_1');
    expect(hosts.registryOf('IMAGES.other.example.')).toBe('reg_2');
    for (const host of [
      undefined,
      'registry.example',
      'other.registry.example',
      'a.myapp.registry.example',
      'myapp.registry.example.evil.example',
      '127.0.0.2',
      'myapp',
    ]) {
      expect(hosts.registryOf(host)).toBeUndefined();
    }
  });

  it('lets no registry take a host from another, nor stand where the slug of another could', () => {
    const hosts = new Hosts('registry.example');
    hosts.addHost('shop.example', 'reg_1');
    hosts.addHost('shop.example', 'reg_2');
    hosts.addHost('later.registry.example', 'reg_1');
    hosts.addSlug('later', 'reg_2');
    expect(hosts.registryOf('shop.example')).toBe('reg_1');
    expect(hosts.registryOf('later.registry.example')).toBe('reg_2');
  });

  it('frees a host that its registry gives up, but never that of a slug nor one of another registry', () => {
    const hosts = new Hosts('registry.example');
    hosts.addSlug('myapp', 'reg_1');
    hosts.addHost('shop.example', 'reg_1');
    hosts.removeHost('shop.example', 'reg_2');
    hosts.removeHost('myapp.registry.example', 'reg_1');
    hosts.removeHost('not a host', 'reg_1');
    expect(hosts.registryOf('shop.example')).toBe('reg_1');
    hosts.removeHost('Shop.Example.', 'reg_1');
    expect(hosts.registryOf('shop.example')).toBeUndefined();
    expect(hosts.registryOf('myapp.registry.example')).toBe('reg_1');
    hosts.addHost('shop.example', 'reg_2');
    expect(hosts.registryOf('shop.example')).toBe('reg_2');
  });

  it('gives every registry a prefix of its own: its slug and a slash', () => {
    const hosts = new Hosts('registry.example');
    hosts.addSlug('myapp', 'reg_1');
    hosts.addSlug('my', 'reg_2');
    hosts.addHost('shop.example', 'reg_3');
    expect(hosts.prefixOf('reg_1')).toBe('myapp/');
    expect(hosts.prefixOf('reg_2')).toBe('my/');
    expect(hosts.prefixOf('reg_3')).toBeUndefined();
  });

  it('gives no prefix for the slug of another registry, nor for a text that is no slug', () => {
    const hosts = new Hosts('registry.example');
    hosts.addSlug('myapp', 'reg_1');
    hosts.addSlug('myapp', 'reg_2');
    for (const text of ['', 'a/b', '..', 'MyApp', 'a.b', 'a--b', '-a', 'ä', 'myapp\n'])
      hosts.addSlug(text, 'reg_3');
    expect(hosts.prefixOf('reg_2')).toBeUndefined();
    expect(hosts.prefixOf('reg_3')).toBeUndefined();
    expect(hosts.registryOf('myapp.registry.example')).toBe('reg_1');
  });

  it('refuses a domain that is no host name', () => {
    expect(() => new Hosts('not a domain')).toThrow('not a domain');
  });
});
