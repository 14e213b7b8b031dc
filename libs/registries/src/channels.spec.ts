import { describe, it } from '@jest/globals';
import { given } from '../../../test/support/given.js';
import { disableGoneChannel, type Channel } from './channels.js';
import { registries, type RegistryFact } from './registry.js';

const [at, later] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];
const channel: Channel = {
  at,
  channel: 'chn_0000000000000001',
  kind: 'webhook',
  name: 'On-call',
  target: { subject: 'chn_0000000000000001', iv: 'iv', ciphertext: 'first', commitment: 'c' },
  secret: null,
  previousSecret: null,
  events: [],
  disabled: null,
};
const created: RegistryFact = {
  type: 'RegistryCreated',
  data: { at, slug: 'myapp', name: 'My app', plan: 'free', createdBy: 'usr_a' },
};
const configured = (changes: Partial<Channel> = {}): RegistryFact => ({
  type: 'ChannelConfigured',
  data: { ...channel, ...changes },
});
const removed: RegistryFact = { type: 'ChannelRemoved', data: { at, channel: channel.channel } };
const gone = disableGoneChannel(channel, later);

describe('a target that says it is gone', () => {
  it('disables the channel that was asked', () =>
    given(registries, [created, configured()])
      .when(gone)
      .then([configured({ disabled: 'gone', at: later })]));

  it.each([
    ['leads elsewhere since', configured({ target: { ...channel.target, ciphertext: 'second' } })],
    ['was enabled anew since', configured({ at: later })],
    ['is disabled', configured({ disabled: 'by-owner' })],
    ['is removed', removed],
  ])('does nothing to one that %s', (_, fact) =>
    given(registries, [created, configured(), fact]).when(gone).quiet(),
  );
});
