import { Refusal, type Decision, type Fact, type StreamKind } from '#libs/kernel';

export type Reserved = Fact<'Reserved', { readonly at: string; readonly by: string }>;
export type Released = Fact<'Released', { readonly at: string }>;
export type ReservationFact = Reserved | Released;

export interface Reservation {
  /** Id of the holder (`reg_…`), or undefined when the name is free. */
  readonly by: string | undefined;
  readonly at: string | undefined;
}

const FREE: Reservation = { by: undefined, at: undefined };

/** A reservation whose holder never came to be is free again after this: its command died between the two appends. */
export const RESERVATION_EXPIRES_AFTER_MS = 60_000;

/** One stream per name, so that the store itself keeps a name unique: `slug-<slug>` and `host-<host>`. */
function reservations(category: 'slug' | 'host'): StreamKind<Reservation, ReservationFact> {
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

/** Takes a free name; the holder itself may ask again. `taken` is the code of the refusal. */
export function reserve(
  by: string,
  at: string,
  taken: 'slug-taken' | 'host-taken',
): Decision<Reservation, ReservationFact> {
  return (state) => {
    if (state.by === by) return [];
    if (state.by !== undefined) throw new Refusal(taken, 'this name belongs to another registry');
    return [{ type: 'Reserved', data: { at, by } }];
  };
}

/** Frees a name that this holder has. */
export function release(holder: string, at: string): Decision<Reservation, ReservationFact> {
  return (state) => (state.by === holder ? [{ type: 'Released', data: { at } }] : []);
}

/** Whether the reservation is older than RESERVATION_EXPIRES_AFTER_MS: its holder exists by now, or never will. */
export function isAbandonable(state: Reservation, at: string): boolean {
  return state.at !== undefined && Date.parse(at) - Date.parse(state.at) > RESERVATION_EXPIRES_AFTER_MS;
}
