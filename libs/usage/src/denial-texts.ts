import type { DenialReason, KeyUseDenied } from './facts.js';

/** What an owner is told of a refusal: what the gate says to a caller who proved the secret, and what to do about it. */
export interface DenialText {
  readonly message: string;
  readonly remedy: string;
}

const TEXTS: Readonly<Record<Exclude<DenialReason, 'not_permitted'>, DenialText>> = {
  malformed: {
    message: 'the credentials could not be read',
    remedy: 'Sign in again: docker login -u <key id> and the whole key as the password.',
  },
  not_a_key: {
    message: 'the password is no key, or was cut off or mistyped',
    remedy: 'Use the whole key (drk_…, 70 characters) as the password.',
  },
  unknown: {
    message: 'there is no such key',
    remedy:
      'Generate a key, or correct the one in use. Many different ones from one network: somebody guesses.',
  },
  wrong_secret: {
    message: 'the secret does not belong to this key',
    remedy: 'Use the key as it was shown when it was generated. Many different secrets: somebody guesses.',
  },
  wrong_registry: {
    message: 'this key belongs to another registry',
    remedy: 'Sign in at the host of the registry that the key belongs to.',
  },
  revoked: {
    message: 'this key was revoked',
    remedy: 'Generate another key, or hand out the successor. Nobody should have this one: see who uses it.',
  },
  expired: { message: 'this key has expired', remedy: 'Generate another key, and hand it out.' },
  suspended: { message: 'this key is suspended', remedy: 'Resume the key, if its use is meant to go on.' },
  network_refused: {
    message: 'this key may not be used from this network',
    remedy: "Add the network to the key's networks, if the caller is yours.",
  },
};

/** Of a refusal by its reason, its action, and the right that was missing. */
export function denialText({
  reason,
  denied,
  action,
}: Pick<KeyUseDenied['data'], 'reason' | 'denied' | 'action'>): DenialText {
  if (reason !== 'not_permitted') return TEXTS[reason];
  if (denied === 'repository') {
    return {
      message: 'this key may not use the repository',
      remedy: "Add the repository to the key's repositories, or use another key.",
    };
  }
  if (action === 'push') {
    return {
      message: 'this key is read-only: pushing needs a key with the permission read-write',
      remedy: 'Give the key the permission read-write, or push with another key.',
    };
  }
  return {
    message: 'this key may not delete: that needs read-write-delete',
    remedy: 'Give the key the permission read-write-delete, or delete with another key.',
  };
}
