import { Injectable } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { EVENT_NAMES } from '#libs/notifications';
import { SubjectKeys } from '#libs/personal-data';
import { CHANNEL_KINDS, type Channel, type ChannelDisabled, type ChannelKind } from '#libs/registries';

export class ChannelView {
  @ApiProperty({ example: 'chn_7Qm4TzR0aKd9P2Xb' }) id: string;
  @ApiProperty({ enum: CHANNEL_KINDS }) kind: ChannelKind;
  @ApiProperty() name: string;

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Of a webhook or Slack channel. What may be a secret in its path or query is left out.',
  })
  url: string | null;

  @ApiProperty({ type: 'string', nullable: true, description: 'Of an e-mail channel.' })
  address: string | null;

  @ApiProperty({ enum: EVENT_NAMES, isArray: true }) events: readonly string[];

  @ApiProperty({
    enum: ['by-owner', 'gone'],
    nullable: true,
    description: 'Why it is sent nothing; `gone`: its target answered 410.',
  })
  disabled: ChannelDisabled | null;

  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

/** The one place of the API where it is read where a channel leads. */
@Injectable()
export class ChannelViews {
  constructor(private readonly subjectKeys: SubjectKeys) {}

  /** What the API shows of a channel. */
  async of(channel: Channel, createdAt: string): Promise<ChannelView> {
    const { channel: id, kind, name, events, disabled } = channel;
    const target = (await this.subjectKeys.open(channel.target)) ?? null;
    const places =
      kind === 'email' ? { url: null, address: target } : { url: shown(kind, target), address: null };
    return { id, kind, name, ...places, events, disabled, createdAt };
  }
}

/** A part of a path that is longer than any word may be a secret; the first characters tell people which one it is. */
const WORD_MAX = 16;
const SHOWN_CHARACTERS = 4;

/** A URL without what may be a secret in it: of Slack everything after `/services`, of others long parts and the query. */
function shown(kind: ChannelKind, url: string | null): string | null {
  if (url === null) return null;
  const { origin, pathname, search } = new URL(url);
  if (kind === 'slack') return `${origin}/${pathname.split('/')[1] ?? ''}/…`;
  const parts = pathname
    .split('/')
    .map((part) => (part.length > WORD_MAX ? `${part.slice(0, SHOWN_CHARACTERS)}…` : part));
  return `${origin}${parts.join('/')}${search === '' ? '' : '?…'}`;
}
