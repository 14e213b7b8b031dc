import { IsText, IsWholeNumber } from './fields.js';
import { invalidParameter } from './problems.js';

/** A page fits one screen by default; 200 rows keep an answer below about 200 kB. */
const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;
/** A cursor of ours is far shorter. */
const CURSOR_LENGTH_MAX = 512;

/** The parameters of every list; a list with filters extends it. */
export class PageQuery {
  @IsWholeNumber({
    min: 1,
    max: LIMIT_MAX,
    optional: true,
    description: 'Items per page.',
    default: LIMIT_DEFAULT,
  })
  limit: number = LIMIT_DEFAULT;

  @IsText({ max: CURSOR_LENGTH_MAX, optional: true, description: 'The `next` of the page before.' })
  after?: string;
}

/** One page of a list; `next` is the cursor of the following page, null on the last. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/**
 * Makes a page of rows that were read with a limit of `limit + 1`. `place` says where the list goes on after a row: the
 * values of the columns that order it. `list` names the list, so that a cursor of another one is refused.
 */
export function pageOf<Row>(
  list: string,
  rows: readonly Row[],
  limit: number,
  place: (row: Row) => readonly string[],
): Page<Row> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? encodeCursor(list, place(last)) : null };
}

/** Forms of the parts of a place: any text, and a revision or commit position (64 bits). */
export const TEXT = /^/;
export const WHOLE_NUMBER = /^\d{1,18}$/;

/**
 * The place after which the page begins; undefined for the first page. `forms` tells the form of each part: a cursor is
 * not signed, so its parts may be anybody's. Throws 400 for a cursor that this list cannot have given.
 */
export function placeAfter(
  list: string,
  after: string | undefined,
  forms: readonly RegExp[],
): readonly string[] | undefined {
  if (after === undefined) return undefined;
  const place = decodeCursor(list, after);
  if (place?.length === forms.length && forms.every((form, index) => form.test(place[index]!))) return place;
  throw invalidParameter('after', 'after is not a cursor of this list.');
}

function encodeCursor(list: string, place: readonly string[]): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString('base64url');
}

function decodeCursor(list: string, cursor: string): readonly string[] | undefined {
  const decoded = parse(Buffer.from(cursor, 'base64url').toString());
  if (!Array.isArray(decoded) || !decoded.every((part) => typeof part === 'string')) return undefined;
  const [, ...place] = decoded;
  // Written again it must be the same text, which also proves that it names this list.
  return encodeCursor(list, place) === cursor ? place : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
