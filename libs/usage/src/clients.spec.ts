import { describe, expect, it } from '@jest/globals';
import { clientName } from './clients.js';

describe('the name of a client', () => {
  it.each([
    [
      'docker/27.1.1 go/go1.21.12 kernel/6.1.0 os/linux arch/amd64 UpstreamClient(Docker-Client/27.1.1)',
      'docker',
    ],
    ['containerd/2.0.1', 'containerd'],
    ['skopeo/1.9.3', 'skopeo'],
    ['go-containerregistry/v0.20.2', 'crane'],
    ['Helm/3.15', 'helm'],
    ['constructor/1.0', 'other'],
    ['drk_5Tg9Xc3Lm7Qa1Wz4/1', 'other'],
    ['', 'none'],
  ])('of %p is %s', (userAgent, name) => expect(clientName(userAgent)).toBe(name));
});
