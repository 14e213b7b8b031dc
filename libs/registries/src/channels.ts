import { Refusal, type Decision, type Fact } from '#libs/kernel';
import { existing, type RegistryFact, type RegistryState } from './registry.js';

export const CHANNEL_KINDS = ['email', 'webhook', 'slack'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** The form of a channel's id. */
export const CHANNEL_ID = /^chn_[0-9A-Za-z]{16}$/;

/** Every fact that notifies makes a delivery for each of them; a registry with more has a wrong idea of channels. */
export const CHANNELS_MAX = 32;

/** Encrypted under the channel's own key (`subject` is its id), which its removal destroys; libs/personal-data makes and opens it. */
export interface SealedTarget {
  readonly subject: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly commitment: string;
}

/** Why a channel is sent nothing: its owner said so, or its target answered that it is gone. */
export type ChannelDisabled = 'by-owner' | 'gone';

/** A channel as it is from then on; a fact carries the whole of it. */
export type ChannelConfigured = Fact<
  'ChannelConfigured',
  {
    readonly at: string;
    /** `chn_<16>` */
    readonly channel: string;
    readonly kind: ChannelKind;
    readonly name: string;
    /** The URL, or the e-mail address. */
    readonly target: SealedTarget;
    /** `whsec_…`, of a webhook only. */
    readonly secret: SealedTarget | null;
    /** The secret before, with which deliveries are signed as well until `until`. */
    readonly previousSecret: { readonly secret: SealedTarget; readonly until: string } | null;
    /** Names such as `key.revoked`. */
    readonly events: readonly string[];
    readonly disabled: ChannelDisabled | null;
  }
>;
export type ChannelRemoved = Fact<'ChannelRemoved', { readonly at: string; readonly channel: string }>;

/** What of a channel lasts from one fact to the next. */
export type Channel = ChannelConfigured['data'];

/** What can be different; a field that is absent stays. */
export type ChannelChanges = Partial<
  Pick<Channel, 'name' | 'target' | 'secret' | 'previousSecret' | 'events' | 'disabled'>
>;

type RegistryDecision = Decision<RegistryState, RegistryFact>;

/** A new channel. Refuses more than CHANNELS_MAX. */
export function addChannel(channel: Channel): RegistryDecision {
  return (state) => {
    const { channels } = existing(state);
    if (channels.has(channel.channel)) return [];
    if (channels.size >= CHANNELS_MAX)
      throw new Refusal('too-many-channels', `a registry has at most ${CHANNELS_MAX} channels`);
    return [{ type: 'ChannelConfigured', data: channel }];
  };
}

/** Other traits of a channel. The same ones add nothing; a sealed text is never the same. */
export function changeChannel(id: string, changes: ChannelChanges, at: string): RegistryDecision {
  return (state) => {
    const before = channelOf(state, id);
    const isSame = Object.entries(changes).every(
      ([name, value]) => JSON.stringify(value) === JSON.stringify(before[name as keyof Channel]),
    );
    return isSame ? [] : [{ type: 'ChannelConfigured', data: { ...before, ...changes, at } }];
  };
}

/** Whether the channel is what it was: nobody has configured it since, or removed it. */
export function isUnchanged(state: RegistryState, before: Channel): boolean {
  const channel = existing(state).channels.get(before.channel);
  // No two sealed texts are the same, not of the same URL either.
  return channel?.at === before.at && channel.target.ciphertext === before.target.ciphertext;
}

/**
 * Its target answered that it is gone: it is sent nothing until somebody enables it. `asked` is the channel as it was then;
 * nothing when it is another one by now, which may lead elsewhere, and for one that is disabled or removed.
 */
export function disableGoneChannel(asked: Channel, at: string): RegistryDecision {
  return (state) => {
    const channel = existing(state).channels.get(asked.channel);
    if (!channel || channel.disabled !== null || !isUnchanged(state, asked)) return [];
    return [{ type: 'ChannelConfigured', data: { ...channel, disabled: 'gone', at } }];
  };
}

/** The channel is no more. Nothing for one that there is not. */
export function removeChannel(id: string, at: string): RegistryDecision {
  return (state) =>
    existing(state).channels.has(id) ? [{ type: 'ChannelRemoved', data: { at, channel: id } }] : [];
}

/** A channel of this registry. Throws Refusal `not-found`; made afresh, so that a foreign channel and a missing one answer alike. */
export function channelOf(state: RegistryState, id: string): Channel {
  const channel = existing(state).channels.get(id);
  if (!channel) throw missingChannel();
  return channel;
}

export function missingChannel(): Refusal {
  return new Refusal('not-found', 'there is no such channel in this registry');
}

/** The channels after a fact about one of them. */
export function channelsAfter(
  channels: ReadonlyMap<string, Channel>,
  { type, data }: ChannelConfigured | ChannelRemoved,
): ReadonlyMap<string, Channel> {
  const changed = new Map(channels);
  if (type === 'ChannelRemoved') changed.delete(data.channel);
  else changed.set(data.channel, data);
  return changed;
}
