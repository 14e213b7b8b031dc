import type { PipeTransform } from '@nestjs/common';
import { CHANNEL_ID, missingChannel } from '#libs/registries';

/** `:channel` has the form of a channel's id; anything else is no channel. */
export class ChannelParameter implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!CHANNEL_ID.test(id)) throw missingChannel();
    return id;
  }
}
