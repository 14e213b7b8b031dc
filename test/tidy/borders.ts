import { type Import, importsOf, placeOf } from './imports.js';
import { isSpec, type Rule, type Source } from './sources.js';

/** Libraries that only compute: time, chance and data come in as arguments. */
const PURE_LIBS = [
  'kernel',
  'keys',
  'registries',
  'identity',
  'alerts',
  'notifications',
  'usage',
  'access',
  'lease',
  'audit',
] as const;

export function isPureLib(name: string): boolean {
  return (PURE_LIBS as readonly string[]).includes(name);
}

/** Edge code that every slice of the API may use. */
const SHARED_SLICE = 'api/http';

/** Where a client SDK may be imported; everybody else goes through that library. */
const SDK_HOMES: { sdk: RegExp; homes: string[] }[] = [
  { sdk: /^@(kurrent|eventstore)\//, homes: ['libs/event-store/', 'test/contract/'] },
  { sdk: /^bullmq(\/|$)/, homes: ['libs/jobs/'] },
  { sdk: /^ioredis(\/|$)/, homes: ['libs/redis/'] },
  { sdk: /^libsql(\/|$)/, homes: ['libs/sqlite/'] },
];

function eachImport(check: (one: Import, source: Source) => string | undefined): Rule['check'] {
  return (source) =>
    importsOf(source).flatMap((one) => {
      const message = check(one, source);
      return message ? [{ at: one.node, message }] : [];
    });
}

/** Imports between libraries, applications and slices. */
const borders: Rule = {
  name: 'border',
  check: eachImport((one, source) => {
    const from = placeOf(source.path);
    if (one.specifier.startsWith('#libs/'))
      return libraryImport(one.specifier.slice('#libs/'.length), source);
    if (!one.target) return undefined;
    const to = placeOf(one.target);
    if (to.kind === 'lib' && !(from.kind === 'lib' && from.name === to.name)) {
      return `import the library through its public face, #libs/${to.name}`;
    }
    if (from.kind === 'lib' && to.kind === 'app') return 'a library never imports an application';
    if (from.kind === 'lib' && to.kind === 'other' && !isSpec(source.path)) {
      return 'a library imports nothing outside libs/';
    }
    if (from.kind !== 'app' || to.kind !== 'app') return undefined;
    if (from.name !== to.name) return `the application ${from.name} never imports the application ${to.name}`;
    const isForeign = from.slice && to.slice && from.slice !== to.slice && to.slice !== SHARED_SLICE;
    return isForeign ? `the slice ${from.slice} never imports the slice ${to.slice}` : undefined;
  }),
};

/** `name` is what follows `#libs/`. */
function libraryImport(name: string, { path }: Source): string | undefined {
  const from = placeOf(path);
  if (name.includes('/')) return `a library has one public face: #libs/${name.split('/')[0]}`;
  if (from.kind !== 'lib') return undefined;
  if (from.name === name) return 'inside a library, imports are relative';
  if (from.name === 'kernel') return 'the kernel imports no library';
  return isPureLib(from.name) && name !== 'kernel' ? 'a pure library imports only #libs/kernel' : undefined;
}

const nestInLibs: Rule = {
  name: 'nest-in-lib',
  check: eachImport(({ specifier }, { path }) =>
    placeOf(path).kind === 'lib' && specifier.startsWith('@nestjs/')
      ? 'the libraries know nothing of Nest'
      : undefined,
  ),
};

const sdkHomes: Rule = {
  name: 'sdk-outside-its-lib',
  check: eachImport(({ specifier }, { path }) => {
    const entry = SDK_HOMES.find(({ sdk }) => sdk.test(specifier));
    return !entry || entry.homes.some((home) => path.startsWith(home))
      ? undefined
      : `${specifier} is imported in ${entry.homes[0]} only`;
  }),
};

export const borderRules = [borders, nestInLibs, sdkHomes];
