import type { Fact } from './fact.js';
import type { StreamKind } from './stream.js';

/**
 * JSON types of a fact's fields. `time`: RFC 3339 UTC with milliseconds; `labels`: an object whose values are texts;
 * `texts`: a list of texts; `number`: a finite one; `object` and `objects`: one or a list, described in the field's meaning.
 */
export type FieldKind = 'time' | 'text' | 'labels' | 'texts' | 'number' | 'boolean' | 'object' | 'objects';

/** A field of a fact's data: its JSON type, and what it means. */
export type Field = readonly [kind: FieldKind | `${FieldKind} or null`, meaning: string];

/** Turns the data of one schema version into the data of the next. Pure, and never edited once it was released. */
export type Upcaster = (data: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/** What the catalogue says about one type of fact. Fields and example are those of the newest version. */
export interface FactDescription<F extends Fact> {
  readonly description: string;
  readonly fields: { readonly [Name in keyof F['data']]: Field };
  readonly example: F['data'];
  /** The first leads from version 1 to 2, and so on. The version written is their number + 1. */
  readonly upcasters?: readonly Upcaster[];
}

/** One type of fact as a release knows it. */
export interface FactType {
  readonly type: string;
  /** Categories of the streams that it stands in. */
  readonly categories: readonly string[];
  /** The version written; older ones are read through `upcasters`. */
  readonly version: number;
  /** Whether it narrows access: a node that does not understand it stops serving. */
  readonly critical: boolean;
  readonly description: string;
  readonly fields: Readonly<Record<string, Field>>;
  readonly example: object;
  readonly upcasters: readonly Upcaster[];
}

/** The catalogue entries of the facts of one or several kinds of stream. The compiler sees to it that none is missing. */
export function describeFacts<F extends Fact>(
  kinds: readonly Pick<StreamKind<never, F>, 'category' | 'critical'>[],
  descriptions: { readonly [Type in F['type']]: FactDescription<Extract<F, { readonly type: Type }>> },
): FactType[] {
  return Object.entries<FactDescription<Fact>>(descriptions as Record<string, FactDescription<Fact>>).map(
    ([type, { upcasters = [], ...described }]) => ({
      ...described,
      type,
      categories: kinds.map(({ category }) => category),
      version: upcasters.length + 1,
      critical: kinds.some(({ critical }) => critical?.has(type) === true),
      upcasters,
    }),
  );
}
