import { Refusal, type Decision, type Fact, type StreamKind } from '#libs/kernel';

export type Reserved = Fact<'Reserved', { readonly at: string; readonly by: string }>;
export type Released = Fact<'Released', { readonly at: string }>;
export type ReservationFact = Reserved | Released;

export interface Reservation {
  /** Id of the holder (`reg_…`, `usr_…`), or undefined when the name is free. */
  readonly by: string | undefined;
  readonly at: string | undefined;
}

const FREE: Reservation = { by: undefined, at: undefined };

/**
 * A reservation that its holder does not use (a registry that never came to be, or that has not the host) is free again
 * after this: the command died between the two appends.
 */
export const RESERVATION_EXPIRES_AFTER_MS = 60_000;

/** One stream per name, so that the store itself keeps a name unique: `slug-<slug>`, `host-<host>`, `email-<index>`, `identity-<index>`. */
function reservations(
  category: 'slug' | 'host' | 'email' | 'identity',
): StreamKind<Reservation, ReservationFact> {
  return {
    category,
    initial: FREE,
    evolve(state, fact) {
      switch (fact.type) {
        case 'Reserved':
          return { by: fact.data.by, at: fact.data.at };
        case 'Released':
          return FREE;
        default:
          return unknownFact(fact, state);
      }
    },
  };
}

/** A type of a later release: it changes nothing here. The compiler proves that no known type ends up here. */
function unknownFact(_fact: never, state: Reservation): Reservation {
  return state;
}

export const slugs = reservations('slug');
export const hosts = reservations('host');
/** E-mail addresses of users, each under its index (libs/identity): no address stands in the log. */
export const emails = reservations('email');
/** Whom an OpenID Connect issuer names, each under its index (libs/identity): whose account it opens. */
export const identities = reservations('identity');

const TAKEN = {
  'slug-taken': 'this name belongs to another registry',
  'host-taken': 'this name belongs to another registry',
  'email-taken': 'this e-mail address belongs to another user',
} as const;

/** Takes a free name; the holder itself may ask again. `taken` is the code of the refusal. */
export function reserve(
  by: string,
  at: string,
  taken: 'slug-taken' | 'host-taken' | 'email-taken',
): Decision<Reservation, ReservationFact> {
  return (state) => {
    if (state.by === by) return [];
    if (state.by !== undefined) throw new Refusal(taken, TAKEN[taken]);
    return [{ type: 'Reserved', data: { at, by } }];
  };
}

/**
 * As `reserve`, by a holder that is about to use the name: one that it has had for half of RESERVATION_EXPIRES_AFTER_MS is
 * taken anew. Without that somebody else could free it, as abandoned, before the holder has written that it uses it.
 */
export function reserveToUse(
  by: string,
  at: string,
  taken: Parameters<typeof reserve>[2] = 'host-taken',
): Decision<Reservation, ReservationFact> {
  const take = reserve(by, at, taken);
  return (state) => take(isOld(state, by, at) ? FREE : state);
}

/** As `reserveToUse`, and quiet where another has the name: the state says who has it then. */
export function reserveIfFree(by: string, at: string): Decision<Reservation, ReservationFact> {
  return (state) =>
    state.by === undefined || isOld(state, by, at) ? [{ type: 'Reserved', data: { at, by } }] : [];
}

function isOld(state: Reservation, by: string, at: string): boolean {
  return state.by === by && age(state, at) >= RESERVATION_EXPIRES_AFTER_MS / 2;
}

/** Frees a name that this holder has. */
export function release(holder: string, at: string): Decision<Reservation, ReservationFact> {
  return (state) => (state.by === holder ? [{ type: 'Released', data: { at } }] : []);
}

/** Frees a name whose reservation by this holder is old, and was found unused; not one that the holder has taken anew since. */
export function releaseAbandoned(holder: string, at: string): Decision<Reservation, ReservationFact> {
  return (state) => (isAbandonable(state, at) ? release(holder, at)(state) : []);
}

/** Whether the reservation is older than RESERVATION_EXPIRES_AFTER_MS: by now it is used, or never will be. */
export function isAbandonable(state: Reservation, at: string): boolean {
  return age(state, at) > RESERVATION_EXPIRES_AFTER_MS;
}

/** Milliseconds since the name was taken; below any limit for a free one. */
function age(state: Reservation, at: string): number {
  return state.at === undefined ? -Infinity : Date.parse(at) - Date.parse(state.at);
}
