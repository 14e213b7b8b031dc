import { describe, expect, it } from '@jest/globals';
import { notifiedEvent, notifiedUse } from './notified-use.js';

/** As CNCF distribution 2.8 sends it. */
const PUSH = {
  id: '320678d8-ca14-430f-8bb6-4ca139cd83f7',
  timestamp: '2026-03-09T14:44:26.402973972-08:00',
  action: 'push',
  target: {
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    size: 708,
    digest: 'sha256:fea8895f450959fa676bcc1df0611ea93823a735a01205fd8622846041d0c7cf',
    length: 708,
    repository: 'myapp/hello-world',
    url: 'http://192.168.100.227:5000/v2/hello-world/manifests/sha256:fea8895f',
    tag: 'latest',
  },
  request: {
    id: '6df24a34-0959-4923-81ca-14f09767db19',
    addr: '192.168.64.11:42961',
    host: '192.168.100.227:5000',
    method: 'PUT',
    useragent: 'docker/27.1.1 go/go1.21.12',
  },
  actor: { name: 'drk_5Tg9Xc3Lm7Qa1Wz4' },
  source: { addr: 'xtal.local:5000', instanceID: 'a53db899-3b4b-4a62-a067-8dd013beaca4' },
};
const located = { network: '192.168.64.0/24', country: null, asn: null };

describe('an event of a notification', () => {
  it('is read with its key, bytes and place, and counts under the name that clients know', () => {
    const event = notifiedEvent(PUSH)!;
    expect(event).toMatchObject({ actor: PUSH.actor.name, address: '192.168.64.11', bytes: 708 });
    expect(notifiedUse(event, 'reg_1', 'myapp/', located)).toEqual({
      accepted: {
        registry: 'reg_1',
        key: PUSH.actor.name,
        action: 'push',
        repository: 'hello-world',
        client: 'docker',
        ...located,
      },
      finished: {
        registry: 'reg_1',
        key: PUSH.actor.name,
        action: 'push',
        bytesUp: 708,
        bytesDown: 0,
        failed: false,
      },
    });
    expect(notifiedUse(event, 'reg_1', '', located).accepted.repository).toBe('myapp/hello-world');
  });

  it.each([
    ['pull', 'pull', 0, 708],
    ['mount', 'push', 0, 0],
    ['delete', 'delete', 0, 0],
  ])('%s counts as %s', (action, counted, bytesUp, bytesDown) => {
    const event = notifiedEvent({ ...PUSH, action })!;
    expect(notifiedUse(event, 'reg_1', '', located).finished).toMatchObject({
      action: counted,
      bytesUp,
      bytesDown,
    });
  });

  it.each([
    ['a HEAD', { ...PUSH, request: { ...PUSH.request, method: 'HEAD' } }],
    ['no actor', { ...PUSH, actor: {} }],
    ['an action that is not known', { ...PUSH, action: 'constructor' }],
    ['no id', { ...PUSH, id: '' }],
    ['an endless id', { ...PUSH, id: 'x'.repeat(200) }],
    ['no repository', { ...PUSH, target: {} }],
    ['nothing', null],
    ['a list', [PUSH]],
  ])('that is or has %s does not count', (_, event) => expect(notifiedEvent(event)).toBeUndefined());

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:DB8::1]:5000', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['somebody:5000', ''],
    [undefined, ''],
  ])('from %s came from %j', (addr, address) =>
    expect(notifiedEvent({ ...PUSH, request: { ...PUSH.request, addr } })?.address).toBe(address),
  );

  it.each([-1, 0.5, 'many', Number.MAX_VALUE])('has no bytes where it says %p', (length) =>
    expect(notifiedEvent({ ...PUSH, target: { ...PUSH.target, length } })?.bytes).toBe(0),
  );
});
