import fc from 'fast-check';
import { PASSWORD } from '../e2e/people.js';
import { resolved, type Schema } from '../support/api-document.js';

/** Deeper values than this are left empty: no body of the API is. */
const DEPTH_MAX = 5;
/** Texts are made this long unless a limit is to be met. */
const USUAL_LENGTH_MAX = 40;
/** Beyond this a text at its limit says nothing new. */
const LIMIT_TRIED_MAX = 2_000;

/** Of the fields and parameters that may be left out, a request has at most this many. */
export const OPTIONAL_MAX = 3;

/** Ids that a test knows, by what they are ids of. */
export interface KnownIds {
  readonly users: readonly string[];
  readonly registries: readonly string[];
}

const ODD_TEXTS = [
  'a', 'Zürich', '日本語', '😀', '👩‍👩‍👧', 'a b', 'O’Brien', '-', '0', 'null', 'NULL', 'true', '[]', '%', "'", '"', '\\', '<b>', '=1+1', '../x', '__proto__', 'toString', 'a\u0301', '\u00e1', 'İ', 'ﬁ',
]; // prettier-ignore
/** Of each format, those that it allows. */
const MOMENTS = [
  '2999-01-01T00:00:00Z', '2030-02-28T23:59:59.999Z', '2040-02-29T12:00:00+14:00', '2031-01-01T00:00:00.123456789Z', '9999-12-31T23:59:59Z', '1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '2031-06-30T23:59:59-12:00',
]; // prettier-ignore
const DURATIONS = [
  'P90D',
  'PT24H',
  'P1W',
  'PT1S',
  'P1DT1H1M1S',
  'PT15M',
  'P0D',
  'P3650D',
  'PT86400S',
  'P99999999D',
  'PT999999999999S',
];
/** Hosts of the two tenants (world.ts). */
const TAKEN_HOSTS = ['ours.example.net', 'theirs.example.net'];
const HOSTS = [
  'a.example.com',
  'xn--bcher-kva.example',
  '127.0.0.9',
  '[::1]',
  'a-b.c-d.example',
  `${'a'.repeat(63)}.example`,
  '10.0.0.1',
  'registry.localhost',
];

/** Values that a field of this name takes, where its schema alone would hardly ever hit one. */
function known(name: string, { users, registries }: KnownIds): fc.Arbitrary<unknown> | undefined {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{1,20}$/);
  const table: Record<string, fc.Arbitrary<unknown>> = {
    slug: fc.oneof({ arbitrary: word, weight: 4 }, { arbitrary: fc.constantFrom('ours', 'theirs', 'admin', 'a-b'), weight: 1 }),
    host: fc.oneof(fc.constantFrom(...HOSTS, ...TAKEN_HOSTS), word.map((label) => `${label}.example.com`)),
    hosts: fc.uniqueArray(fc.oneof({ arbitrary: word.map((label) => `${label}.example.org`), weight: 6 }, { arbitrary: fc.constantFrom(...TAKEN_HOSTS), weight: 1 }), { maxLength: 3 }),
    email: fc.oneof({ arbitrary: word.map((local) => `${local}@example.com`), weight: 3 }, { arbitrary: fc.constant('owner@example.com'), weight: 1 }),
    password: fc.oneof(fc.constant(PASSWORD), fc.string({ minLength: 10, maxLength: 30, unit: 'grapheme' })),
    userId: fc.constantFrom(...users),
    owner: fc.constantFrom(...users),
    createdBy: fc.constantFrom(...users),
    registry: fc.constantFrom(...registries),
    upstream: fc.constantFrom('http://127.0.0.1:5999', 'http://images.internal:5000', 'https://images.example'),
    url: fc.constantFrom('https://hooks.example.com/x', 'https://203.0.113.7/hook', 'http://127.0.0.1:9/'),
    repositories: fc.subarray(['team/*', 'team/**', 'a', 'a/b/c', 'x-y_z.w']),
    networks: fc.subarray(['10.0.0.0/8', '192.168.1.0/24', '2001:db8::/32', '203.0.113.7']),
    allowedNetworks: fc.subarray(['0.0.0.0/0', '10.0.0.0/8', '::/0', '192.168.1.0/24']),
    expectedCountries: fc.subarray(['DE', 'FR', 'US']),
    reminders: fc.subarray(['P30D', 'P14D', 'P1D']),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
    wait: fc.constant(0),
    label: fc.constantFrom('team', 'team:a', 'a.b/c:', 'x: y'),
    labels: fc.dictionary(fc.constantFrom('team', 'a.b/c', 'x-1', 'A'), fc.constantFrom('', 'a', '日本語', 'b c'), { maxKeys: 4 }),
  }; // prettier-ignore
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Values that the schema of a field allows: the odd ones that it allows rather than the usual. */
export function valueOf(schema: Schema, name: string, ids: KnownIds, depth = 0): fc.Arbitrary<unknown> {
  const { $ref, anyOf, allOf, oneOf } = schema as {
    $ref?: string;
    anyOf?: Schema[];
    allOf?: Schema[];
    oneOf?: Schema[];
  };
  if ($ref !== undefined) return valueOf(resolved(schema), name, ids, depth);
  const parts = anyOf ?? oneOf ?? allOf;
  if (parts) return fc.oneof(...parts.map((part) => valueOf(part, name, ids, depth)));
  const types = [schema['type'] ?? 'string'].flat() as string[];
  const [type = 'null'] = types.filter((one) => one !== 'null');
  const value = known(name, ids) ?? ofType(type, schema, ids, depth);
  return types.includes('null')
    ? fc.oneof({ arbitrary: value, weight: 5 }, { arbitrary: fc.constant(null), weight: 1 })
    : value;
}

function ofType(type: string, schema: Schema, ids: KnownIds, depth: number): fc.Arbitrary<unknown> {
  if (Array.isArray(schema['enum']))
    return fc.constantFrom(...(schema['enum'] as unknown[]).filter((word) => word !== null));
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer' || type === 'number') return wholeNumber(schema);
  if (type === 'array') return list(schema, ids, depth);
  if (type === 'object') return objectOf(schema, ids, depth);
  return type === 'null' ? fc.constant(null) : text(schema);
}

function wholeNumber(schema: Schema): fc.Arbitrary<number> {
  const { minimum = 0, maximum = 1_000 } = schema as { minimum?: number; maximum?: number };
  return fc.oneof(fc.constantFrom(minimum, maximum), fc.integer({ min: minimum, max: maximum }));
}

function list(schema: Schema, ids: KnownIds, depth: number): fc.Arbitrary<unknown[]> {
  const { items = {}, maxItems = 3 } = schema as { items?: Schema; maxItems?: number };
  if (depth > DEPTH_MAX) return fc.constant([]);
  return fc.array(valueOf(items, '', ids, depth + 1), { maxLength: Math.min(maxItems, 3) });
}

/**
 * All required fields, and some of the others: few, as two that exclude each other would refuse nearly every body.
 */
export function objectOf(
  schema: Schema,
  ids: KnownIds,
  depth = 0,
  optionalMax = OPTIONAL_MAX,
): fc.Arbitrary<Record<string, unknown>> {
  const { properties = {}, required = [] } = resolved(schema) as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  if (depth > DEPTH_MAX) return fc.constant({});
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, valueOf(field, name, ids, depth + 1)]),
  );
  const optional = Object.keys(properties).filter((name) => !required.includes(name));
  return fc
    .tuple(fc.record(fields), fc.subarray(optional, { maxLength: Math.min(optionalMax, optional.length) }))
    .map(([all, chosen]) =>
      Object.fromEntries(
        Object.entries(all).filter(([name]) => required.includes(name) || chosen.includes(name)),
      ),
    );
}

function text(schema: Schema): fc.Arbitrary<string> {
  const {
    format,
    pattern,
    minLength = 0,
    maxLength = 200,
  } = schema as { format?: string; pattern?: string; minLength?: number; maxLength?: number };
  if (format === 'date-time') return fc.constantFrom(...MOMENTS);
  if (format === 'duration') return fc.constantFrom(...DURATIONS);
  if (format === 'password') return fc.string({ minLength: 10, maxLength: 30, unit: 'grapheme' });
  if (pattern !== undefined) return ofPattern(pattern, maxLength);
  const long = Math.min(maxLength, LIMIT_TRIED_MAX);
  const usual = { minLength, maxLength: Math.max(minLength, Math.min(maxLength, USUAL_LENGTH_MAX)) };
  const limits = [...new Set([minLength, long])].flatMap((length) => [
    'm'.repeat(length),
    '😀'.repeat(length),
  ]);
  const odd = ODD_TEXTS.filter((one) => [...one].length >= minLength && [...one].length <= maxLength);
  return fc.oneof(
    fc.constantFrom(...odd, ...limits),
    fc.string({ ...usual, unit: 'grapheme' }),
    fc.string(usual),
  );
}

/** fast-check makes texts of most patterns; of the others, those with `\p{…}`, any text will do. */
function ofPattern(pattern: string, maxLength: number): fc.Arbitrary<string> {
  try {
    return fc.stringMatching(new RegExp(pattern), { maxLength });
  } catch {
    return fc.string({ maxLength: Math.min(maxLength, USUAL_LENGTH_MAX) });
  }
}

/** The odd texts of a format, each of which the format allows. */
export const ODD_BY_FORMAT: Readonly<Record<string, readonly string[]>> = {
  'date-time': MOMENTS,
  duration: DURATIONS,
};
