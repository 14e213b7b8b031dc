import { readFileSync } from 'node:fs';

/** A fenced block of docs/deploy/README.md. */
export interface Snippet {
  /** The heading that it stands below. */
  readonly heading: string;
  readonly language: string;
  readonly text: string;
}

export function snippets(): Snippet[] {
  const page = readFileSync(new URL('../../docs/deploy/README.md', import.meta.url), 'utf8');
  return page.split(/^#+ /m).flatMap((section) => {
    const heading = section.slice(0, section.indexOf('\n'));
    const blocks = section.matchAll(/^```(\w+)\n(.*?)^```$/gms);
    return [...blocks].map(([, language, text]) => ({ heading, language: language!, text: text! }));
  });
}

/** Every string in a parsed snippet, with the names that lead to it. */
export function stringsIn(
  value: unknown,
  path: readonly string[] = [],
): { path: readonly string[]; text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => stringsIn(inner, [...path, name]));
}

/** The lines that log in, as a shell runs them. */
export function loginLines(): string[] {
  const lines = snippets().flatMap(({ text }) => text.split('\n'));
  const logins = lines.filter((line) => line.includes('docker login'));
  return logins.map((line) => line.trim().replace(/^(run:|-) /, ''));
}
