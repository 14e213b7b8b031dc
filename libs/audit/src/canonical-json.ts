/**
 * Canonical JSON of RFC 8785 (JCS): no white space, members sorted by UTF-16 code units, numbers and strings as
 * ECMAScript writes them. Members that are undefined are left out, as JSON.stringify does.
 * Throws TypeError for what JSON cannot hold exactly: NaN, infinities, BigInt, functions, lone surrogates.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new TypeError('canonical JSON holds no lone surrogates');
      return JSON.stringify(value);
    case 'boolean':
      return String(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('canonical JSON holds finite numbers only');
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      return canonicalObject(value as Record<string, unknown>);
    default:
      throw new TypeError(`canonical JSON holds no ${typeof value}`);
  }
}

function canonicalObject(object: Record<string, unknown>): string {
  const members = Object.keys(object)
    .filter((name) => object[name] !== undefined)
    .sort()
    .map((name) => `${canonicalJson(name)}:${canonicalJson(object[name])}`);
  return `{${members.join(',')}}`;
}
