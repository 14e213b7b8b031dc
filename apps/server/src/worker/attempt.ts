import type { Message } from '#libs/notifications';
import type { Channel } from '#libs/registries';

/** One notification on its way to one target. */
export interface Outgoing {
  /** Stable over all attempts: by it a receiver knows a repetition. */
  readonly id: string;
  readonly message: Message;
}

/** How an attempt ended. */
export interface Attempt {
  /** HTTP status, or reply code of the mail server; null: there was no answer. */
  readonly status: number | null;
  /** null: the target took it. For people, without secret, URL and address. */
  readonly error: string | null;
  /** No other attempt would end otherwise. */
  readonly isFinal?: boolean;
  /** The target says that it is gone for ever. */
  readonly isGone?: boolean;
  /** The channel as it was asked; a mail to a user has none. */
  readonly asked?: Channel;
  /** Unix milliseconds before which the target wants no other attempt. */
  readonly notBefore?: number;
}
