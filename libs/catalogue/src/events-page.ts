import type { FactType } from '#libs/kernel';
import { catalogue } from './catalogue.js';

const INTRODUCTION = `# Events

<!-- Generated from the event catalogue (libs/catalogue): change it there, then run npm run docs:events. -->

Every event that this release writes, in the version in which it writes it. Older versions are read through upcasters, so
that the rest of the program sees the newest one only; \`test/stored-events\` holds one event of every version ever written.

A **critical** event narrows access. A node that meets a critical event of a type or version that it does not know serves
nothing until it is upgraded; so the release that reads a new version goes out before the one that writes it. Other events
of unknown types are ignored.

## Metadata of every event

- \`schemaVersion\` (number): version of the data.
- \`actor\` (object): \`type\` is \`user\`, \`access-token\`, \`key\` or \`system\`; \`id\` is pseudonymous, or the name of a job.
- \`correlationId\` (text): the request or job that led to it.
- \`causationId\` (text): the command, whose repetition gives the same event ids.
- \`network\` (text, may be absent): source network, truncated to /24 or /48.
- \`critical\` (true, absent on other events): it narrows access.
- \`bodyHash\` (text, may be absent): SHA-256 of the request body that an \`Idempotency-Key\` covered.

A \`time\` is RFC 3339 in UTC with milliseconds; \`labels\` are an object whose values are texts.
`;

/** The page docs/events.md. Prettier leaves it alone: it is as this makes it. */
export function eventsPage(): string {
  const { types } = catalogue;
  return [INTRODUCTION, '## Overview\n', overview(types), ...types.map(chapter)].join('\n');
}

function overview(types: readonly FactType[]): string {
  const rows = types.map((known) => [
    `[${known.type}](#${known.type.toLowerCase()})`,
    streams(known),
    String(known.version),
    known.critical ? 'yes' : 'no',
  ]);
  return table([['Event', 'Stream', 'Version', 'Critical'], ...rows]);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const [head, ...body] = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column]!))));
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('');
}

function chapter(known: FactType): string {
  const { type, version, critical, description, fields, example } = known;
  const list = Object.entries(fields).map(
    ([name, [kind, meaning]]) => `- \`${name}\` (${kind}): ${meaning}\n`,
  );
  return `## ${type}

Version ${version}${critical ? ', critical' : ''}, in ${streams(known)}. ${description}

${list.join('')}
\`\`\`json
${JSON.stringify(example, null, 2)}
\`\`\`
`;
}

function streams({ categories }: FactType): string {
  return categories.map((category) => `\`${category}-…\``).join(', ');
}
