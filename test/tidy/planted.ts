import { LATER_WORDS } from './habits.js';

/** A file made up for the self-test of the rules. */
export interface Planted {
  what: string;
  path: string;
  text: string;
  /** Other files that the violation needs, by path. */
  beside?: Record<string, string>;
}

type PlantedViolation = Planted & { rule: string; line: number };

const PARAGRAPH = 'A key is refused by the very next request after it was revoked, on every node. '.repeat(2);
const SLICE = 'apps/server/src/api/keys/generate-key.ts';
const PURE = 'libs/keys/src/key.ts';
const SPEC = 'libs/keys/src/key.spec.ts';

const lines = (count: number) => '// line\n'.repeat(count);

function violation(rule: string, what: string, path: string, text: string, line = 1): PlantedViolation {
  return { rule, what, path, text, line };
}

const borderViolations = [
  ['a pure library that imports another one', PURE, "import { usage } from '#libs/usage';"],
  ['a pure library that imports one with I/O', PURE, "export { Database } from '#libs/sqlite';"],
  ['a spec of a pure library that imports another one', SPEC, "import '#libs/usage';"],
  ['a kernel that imports a library', 'libs/kernel/src/ids.ts', "import '#libs/keys';"],
  [
    'a library that imports an application',
    'libs/jobs/src/q.ts',
    "import '../../../apps/server/src/main.js';",
  ],
  ['a library that imports test code', 'libs/jobs/src/q.ts', "import '../../../test/helper.js';"],
  ['a library that imports itself by name', 'libs/jobs/src/q.ts', "import '#libs/jobs';"],
  ['a relative import of another library', 'libs/jobs/src/q.ts', "import '../../redis/src/index.js';"],
  ['a deep import of a library', SLICE, "import { key } from '#libs/keys/src/key.js';"],
  [
    'a relative import of a library by an application',
    SLICE,
    "import '../../../../../libs/keys/src/key.js';",
  ],
  ['an application that imports another one', SLICE, "import '../../../../cli/src/main.js';"],
  ['a slice of the API that imports another one', SLICE, "import '../registries/create-registry.js';"],
  ['a slice of the API that imports the gate', SLICE, "import '../../gate/gate.js';"],
  ['a gate that imports the worker', 'apps/server/src/gate/gate.ts', "import '../worker/expire-keys.js';"],
  ['shared edge code that imports a slice', 'apps/server/src/api/http/a.ts', "import '../keys/show-key.js';"],
  ['a type from across a border', SLICE, "type Key = import('../registries/host.js').Host;"],
  ['an import at run time', SLICE, "const gate = await import('../../gate/gate.js');"],
] as const;

const ambientViolations = [
  ['the time', 'const now = Date.now();'],
  ['a new Date of now', 'const now = new Date();'],
  ['Date as a function', 'const now = Date();'],
  ['Date handed on', 'const clock = { source: Date };'],
  ['a die', 'const roll = Math.random();'],
  ['a die under another name', 'const { random } = Math;'],
  ['the monotonic clock', 'const now = performance.now();'],
  ['the environment', "const name = process.env['NAME'];"],
  ['a timeout', 'setTimeout(() => {}, 1);'],
  ['an interval', 'const start = setInterval;'],
  ['an immediate', 'setImmediate(() => {});'],
  ['a request', "await fetch('http://127.0.0.1');"],
  ['random bytes of the global crypto', 'crypto.getRandomValues(new Uint8Array(1));'],
  ['the global object', "globalThis['Date'].now();"],
  ['an ambient shorthand property', 'const edge = { fetch };'],
  ['output', "console.log('x');"],
] as const;

const builtinViolations = [
  ['the file system', "import { readFileSync } from 'node:fs';"],
  ['the network', "import net from 'node:net';"],
  ['a connection', "import { connect } from 'node:net';"],
  ['HTTP', "import * as http from 'node:http';"],
  ['random bytes', "import { randomBytes } from 'node:crypto';"],
  ['a random id under another name', "import { randomUUID as id } from 'crypto';"],
  ['the web crypto', "import { createHash, webcrypto } from 'node:crypto';"],
  ['everything in crypto', "import * as crypto from 'node:crypto';"],
  ['a timer', "import { setTimeout } from 'node:timers/promises';"],
  ['compression', "import { gzipSync } from 'node:zlib';"],
] as const;

const sdkViolations = [
  ['@kurrent/kurrentdb-client', 'libs/read-models/src/a.ts'],
  ['@eventstore/db-client', SLICE],
  ['bullmq', 'apps/server/src/worker/expire-keys.ts'],
  ['ioredis', 'libs/jobs/src/queue.ts'],
  ['libsql', 'libs/read-models/src/a.ts'],
  ['libsql/promise', 'libs/read-models/src/a.spec.ts'],
] as const;

const partialRunViolations = [
  'it.only',
  'describe.skip',
  'test.todo',
  'it.each([]).only',
  'xit',
  'fdescribe',
];

export const planted: PlantedViolation[] = [
  violation('file-size', 'a file of 301 lines', PURE, lines(301), 301),
  violation('function-size', 'a function of 61 lines', PURE, `const f = () => {\n${lines(59)}};`),
  violation('function-size', 'a method of 61 lines', PURE, `class A {\n  m() {\n${lines(59)}}\n}`, 2),
  violation(
    'function-size',
    'a test of 61 lines',
    SPEC,
    `describe('', () => {\nit('', () => {\n${lines(59)}}) });`,
    2,
  ),
  ...borderViolations.map(([what, path, text]) => violation('border', what, path, text)),
  violation('nest-in-lib', 'Nest', 'libs/jobs/src/q.ts', "import { Module } from '@nestjs/common';"),
  violation(
    'nest-in-lib',
    'Nest in a spec',
    'libs/jobs/src/q.spec.ts',
    "import { Test } from '@nestjs/testing';",
  ),
  ...sdkViolations.map(([sdk, path]) => violation('sdk-outside-its-lib', sdk, path, `import '${sdk}';`)),
  ...ambientViolations.map(([what, text]) => violation('ambient-in-pure-lib', what, PURE, text)),
  ...builtinViolations.map(([what, text]) => violation('builtin-in-pure-lib', what, PURE, text)),
  ...LATER_WORDS.map((word) => violation('later-without-issue', word, SLICE, `\n// ${word}: more`, 2)),
  violation('stray-index', 'a barrel in a folder', 'apps/server/src/api/keys/index.ts', ''),
  violation('stray-index', 'a second face of a library', 'libs/keys/src/state/index.ts', ''),
  violation('suffixed-name', 'a service', 'apps/server/src/api/keys/keys.service.ts', ''),
  ...partialRunViolations.map((call) => violation('partial-run', call, SPEC, `${call}('', () => {});`)),
  violation(
    'package-host',
    'an address in the lock file',
    'package-lock.json',
    JSON.stringify({ resolved: 'https://h/a.tgz' }, null, 1),
    2,
  ),
  violation(
    'package-host',
    'a known host',
    'README.md',
    `npm --from ${['registry', 'npmjs', 'org'].join('.')}`,
  ),
  violation('package-host', 'a setting of npm', '.npmrc', '@scope:registry=http://127.0.0.1/'),
  {
    ...violation(
      'repeated-paragraph',
      'a paragraph of another document',
      'README.md',
      `# Top\n\n${PARAGRAPH}`,
      3,
    ),
    beside: { 'ARCHITECTURE.md': PARAGRAPH },
  },
];

const pureCode = `
  import { createHash, timingSafeEqual } from 'node:crypto';
  import { crc32 } from 'node:zlib';
  import { stream } from '#libs/kernel';
  import { evolve } from './evolve.js';
  interface Clock { process: string; fetch(): Date; performance?: number }
  type Time = Date;
  export function expiresAt(text: string, clock: Clock): number {
    const crypto = createHash('sha256');
    crypto.update(clock.process);
    return Math.max(Date.parse(text), new Date(text).getTime(), Date.UTC(2026, 0), clock.performance ?? 0);
  }
`;

const specCode = `
  import { readFileSync } from 'node:fs';
  import fc from 'fast-check';
  import { given } from '../../../test/given.js';
  import { key } from './key.js';
  describe('keys', () => {\n${lines(80)}});
  it.each([1])('%s', () => { expect(Date.now()).toBeGreaterThan(list.only); });
`;

const sliceCode = `
  import { CommandHandler } from '@nestjs/cqrs';
  import { decide } from '#libs/keys';
  import { problem } from '../http/problem.js';
  import { view } from './key-view.js';
  import { Installation } from '../../installation.js';
  // ${LATER_WORDS[0]} (#12): rotation
  const now = Date.now();
`;

export const tidyFiles: Planted[] = [
  { what: 'a pure library', path: PURE, text: pureCode },
  { what: 'a spec of a pure library', path: SPEC, text: specCode },
  { what: 'a slice', path: SLICE, text: sliceCode },
  {
    what: 'a composition root',
    path: 'apps/server/src/main.ts',
    text: "import './api/keys/a.js'; import './gate/b.js';",
  },
  { what: 'the home of an SDK', path: 'libs/jobs/src/queue.ts', text: "import { Queue } from 'bullmq';" },
  { what: 'a contract test', path: 'test/contract/log.ts', text: "import '@kurrent/kurrentdb-client';" },
  { what: 'a file of 300 lines', path: SLICE, text: lines(300) },
  { what: 'a generated file of any length', path: 'libs/client/src/schema.ts', text: lines(301) },
  { what: 'a function of 60 lines', path: SLICE, text: `function f() {\n${lines(58)}}` },
  { what: "a library's public face", path: 'libs/keys/src/index.ts', text: "export * from './key.js';" },
  {
    what: 'a short paragraph in two documents',
    path: 'README.md',
    text: 'Run `npm test`.',
    beside: { 'CONTRIBUTING.md': 'Run `npm test`.' },
  },
];
