import fc from 'fast-check';
import type { Operation, Schema } from '../support/api-document.js';
import { encoded, fieldsOf, validDraft, type Draft, type PathPart } from './draft.js';
import {
  CANARY,
  CONTENT_TYPES,
  HEADERS,
  HOSTILE_BODIES,
  HOSTILE_BY_FORMAT,
  HOSTILE_TEXTS,
  SEGMENTS,
} from './hostile.js';
import { ODD_BY_FORMAT, type KnownIds } from './values.js';

/** Spoils one part of a valid draft. `pick` chooses, the same for the same number; undefined where the operation has no such part. */
type Spoil = (draft: Draft, operation: Operation, pick: number) => Partial<Draft> | undefined;

const WRONG_TYPES: readonly unknown[] = [
  0, -1, 1.5, 2 ** 53, 1e308, true, false, null, '', 'x', '12', [], {}, [[]], [null], [1, 'a', {}], { a: 1 }, ['a', 'a'], Array(300).fill('a'), { length: 1 }, [{ __proto__: null }],
]; // prettier-ignore
const RAW_NUMBERS = [
  '1e400',
  '99999999999999999999',
  '-0',
  '0.1',
  '1E+2',
  '123456789012345678901234567890.5',
];
const EXTRA_FIELDS = [
  'colour',
  'id',
  'createdAt',
  'status',
  'administrator',
  'Name',
  'toString',
  'valueOf',
  '',
  'registry',
  '$where',
];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'get'];

const one = <Item>(list: readonly Item[], pick: number): Item => list[pick % list.length]!;
const isFilled = (body: unknown): body is Record<string, unknown> =>
  typeof body === 'object' && body !== null;

/** The body with a field set to a value. */
const withField = ({ body }: Draft, name: string, value: unknown) => ({
  body: { ...(body as object), [name]: value },
});

const inField =
  (value: (schema: Schema, now: unknown, pick: number) => unknown): Spoil =>
  (draft, operation, pick) => {
    const fields = fieldsOf(operation);
    if (fields.length === 0 || !isFilled(draft.body)) return undefined;
    const [name, schema] = one(fields, pick);
    const spoilt = value(schema, draft.body[name], Math.floor(pick / fields.length));
    return spoilt === undefined ? undefined : withField(draft, name, spoilt);
  };

const inBytes =
  (bytes: (json: string, pick: number) => string): Spoil =>
  ({ body }, _, pick) =>
    isFilled(body) ? { bytes: Buffer.from(bytes(JSON.stringify(body), pick)) } : undefined;

const inPath =
  (part: (pick: number) => PathPart): Spoil =>
  ({ path }, _, pick) => {
    const names = Object.keys(path);
    if (names.length === 0) return undefined;
    return { path: { ...path, [one(names, pick)]: part(Math.floor(pick / names.length)) } };
  };

const inQuery =
  (parameter: (name: string, schema: Schema, pick: number) => [string, string][]): Spoil =>
  ({ query }, { documented: { parameters = [] } }, pick) => {
    const declared = parameters.filter((each) => each.in === 'query');
    const { name, schema } = declared.length === 0 ? { name: 'limit', schema: {} } : one(declared, pick);
    const rest = query.filter(([given]) => given !== name);
    return { query: [...rest, ...parameter(name, schema, Math.floor(pick / Math.max(1, declared.length)))] };
  };

/** One step beside what is allowed. */
const NEAR: Readonly<Record<string, Spoil>> = {
  'a field is missing': (draft, operation, pick) => {
    const [name] = one([...fieldsOf(operation), ['', {}]], pick);
    return isFilled(draft.body)
      ? { body: Object.fromEntries(Object.entries(draft.body).filter(([field]) => field !== name)) }
      : undefined;
  },
  'a field too many': (draft, _, pick) => ({
    body: { ...(draft.body as object), [one(EXTRA_FIELDS, pick)]: one(WRONG_TYPES, pick) },
  }),
  'a field of another type': inField((_, __, pick) => one(WRONG_TYPES, pick)),
  'a field that is null': inField(() => null),
  'a text at and beyond its limit': inField((schema, _, pick) => {
    const { minLength = 1, maxLength } = schema as { minLength?: number; maxLength?: number };
    if (maxLength === undefined) return undefined;
    return one(['a', '😀'], pick).repeat(
      one([maxLength, maxLength + 1, Math.max(0, minLength - 1), maxLength * 2 + 1], Math.floor(pick / 2)),
    );
  }),
  'a word beside the list': inField((schema, _, pick) => {
    // The list of a field that may be null has null in it.
    const words = ((schema['enum'] ?? ['true']) as (string | null)[]).filter((each) => each !== null);
    const word = one(words, pick);
    return one(
      [word.toUpperCase(), ` ${word}`, `${word}s`, [word], `${word}\0`],
      Math.floor(pick / words.length),
    );
  }),
  'a number as text, or text as a number': inField((_, now) => (typeof now === 'number' ? String(now) : 7)),
  'a list with doubles, or too long': inField((schema, now, pick) => {
    if (!Array.isArray(now)) return undefined;
    const { maxItems = 1_000 } = schema as { maxItems?: number };
    const item: unknown = now[0] ?? 'a';
    return one(
      [[item, item], Array.from({ length: maxItems + 1 }, (_, at) => `a${at}`), [...now, null]],
      pick,
    );
  }),
  'a huge number': inBytes((json, pick) =>
    json.replace(/:("[^"]*"|true|false|null)/, `:${one(RAW_NUMBERS, pick)}`),
  ),
  'a field twice': inBytes((json) => json.replace(/^\{("[^"]+":)/, '{$1null,$1')),
  'half a body': inBytes((json, pick) => json.slice(0, 1 + (pick % json.length))),
  'a body that is no object': (_, { method }, pick) =>
    method === 'GET' ? undefined : { body: one([[], 'x', 1, null, true, [{}]], pick) },
  'no body': () => ({ body: undefined }),
  'a body where none belongs': (_, __, pick) => ({ body: one([{ a: 1 }, {}, []], pick) }),
  'an id that nobody has': inPath((pick) => ({
    raw: `${one(['drk', 'usr', 'reg', 'drm', 'ses'], pick)}_0000000000000000`,
  })),
  'an address too long or too short': (_, __, pick) => ({
    suffix: one(['/', '/x', '//', '/..', '/%2e', '.json'], pick),
  }),
  'an unknown parameter': (draft, _, pick) => ({
    query: [...draft.query, [one(['colour', 'LIMIT', 'toString', 'a[b]', '__proto__', ''], pick), '1']],
  }),
  'a parameter twice': inQuery((name, schema) => [
    [name, encoded(schema['default'] ?? '1')],
    [name, '2'],
  ]),
  'a parameter as list or object': inQuery((name, _, pick) => [
    [one([`${name}[]`, `${name}[a]`, `${name}.a`], pick), '1'],
  ]),
  'a parameter of another type': inQuery((name, _, pick) => [
    [name, one(['', '-1', '0', '1e3', '0x1', '999999999999', 'x', 'null', '%00', '1.0', '+1', '%20'], pick)],
  ]),
  'a parameter without a value': inQuery((name) => [[name, '']]),
  'another method': (_, __, pick) => ({ method: one(METHODS, pick) }),
  'no credentials': () => ({ headers: [['authorization', 'none']] }),
};

/** What is another tenant's: one part of the address, or all of them. */
const FOREIGN: Readonly<Record<string, Spoil>> = {
  'an id of another tenant': inPath((pick) => ({ foreign: pick })),
  'an address of another tenant': ({ path }, _, pick) => ({
    path: Object.fromEntries(Object.keys(path).map((name) => [name, { foreign: pick }])),
  }),
};

/** What attackers and broken programs send. */
const HOSTILE: Readonly<Record<string, Spoil>> = {
  'a hostile field': inField((schema, now, pick) => {
    const special = HOSTILE_BY_FORMAT[String(schema['format'])] ?? [];
    const text = one(pick % 2 === 0 && special.length > 0 ? special : HOSTILE_TEXTS, Math.floor(pick / 2));
    return Array.isArray(now) ? [text] : text;
  }),
  'a hostile name of a field': (draft, _, pick) => ({
    body: { ...(draft.body as object), [one(HOSTILE_TEXTS, pick)]: 1 },
  }),
  'a hostile object in a field': inField((_, __, pick) => ({
    [one(HOSTILE_TEXTS, pick)]: one(HOSTILE_TEXTS, pick + 1),
  })),
  'a hostile body': (_, __, pick) => ({ bytes: one(HOSTILE_BODIES, pick) }),
  'a hostile type of body': ({ body }, _, pick) => ({
    body: body ?? {},
    headers: [['content-type', one(CONTENT_TYPES, pick)]],
  }),
  'a hostile header': (_, __, pick) => ({ headers: [one(HEADERS, pick)] }),
  'a hostile segment': inPath((pick) => ({ raw: one(SEGMENTS, pick) })),
  'a hostile text in the path': inPath((pick) => ({
    raw: encoded(one(HOSTILE_TEXTS, pick).slice(0, 2_000)),
  })),
  'a hostile parameter': inQuery((name, _, pick) => [
    [name, encoded(one(HOSTILE_TEXTS, pick).slice(0, 2_000))],
  ]),
  'hostile bytes in a parameter': inQuery((name, _, pick) => [
    [name, one(SEGMENTS, pick).replace(/[\s#]/g, '')],
  ]),
  'a hostile name of a parameter': (draft, _, pick) => ({
    query: [...draft.query, [encoded(one(HOSTILE_TEXTS, pick).slice(0, 2_000)), '1']],
  }),
  'a key that should be kept': inField(() => CANARY),
};

/** Requests for an operation: as the document allows, one step beside it, hostile, and some for what is another tenant's. */
export function draftsOf(operation: Operation, ids: KnownIds): fc.Arbitrary<Draft> {
  const valid = validDraft(operation, ids);
  const spoilt = (spoils: Readonly<Record<string, Spoil>>) =>
    fc
      .record({ draft: valid, what: fc.constantFrom(...Object.keys(spoils)), pick: fc.nat(1_000_000) })
      .map(({ draft, what, pick }) => {
        const change = spoils[what]!(draft, operation, pick);
        return change ? { ...draft, ...change, what } : draft;
      });
  return fc.oneof(
    { arbitrary: valid, weight: 3 },
    { arbitrary: spoilt(NEAR), weight: 3 },
    { arbitrary: spoilt(HOSTILE), weight: 3 },
    { arbitrary: spoilt(FOREIGN), weight: 1 },
  );
}

/** One request for each odd or hostile text of the format of each field and parameter, with nothing else that may be left out. */
export function specialDrafts(operation: Operation, ids: KnownIds, seed: number): Draft[] {
  const inQuery = (operation.documented.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const parameters = inQuery.map(({ name, schema }) => ({ name, schema, isField: false }));
  const fields = fieldsOf(operation).map(([name, schema]) => ({ name, schema, isField: true }));
  const specials = [...parameters, ...fields].flatMap(({ schema, ...place }) => {
    const format = String(schema['format']);
    const texts = [...(ODD_BY_FORMAT[format] ?? []), ...(HOSTILE_BY_FORMAT[format] ?? [])];
    return texts.map((text) => ({ ...place, text }));
  });
  if (specials.length === 0) return [];
  const bare = fc.sample(validDraft(operation, ids, 0), { numRuns: specials.length, seed });
  return bare.map((draft, at) => {
    const { name, text, isField } = specials[at]!;
    const what = `${isField ? 'field' : 'parameter'} ${name} is special`;
    if (isField) return { ...draft, ...withField(draft, name, text), what };
    return { ...draft, query: [...draft.query, [name, encoded(text)]], what };
  });
}
