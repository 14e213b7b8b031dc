import { InvalidArgumentError, type Command } from 'commander';

/** A page of the API is at most so long. */
const LIMIT_MAX = 200;

/** What every command over the API takes. */
export function withRemoteOptions(command: Command): Command {
  return command
    .option('--url <address>', 'the server; default: DOCKREG_URL, else the last sign-in')
    .option('--json', 'print what the API answered, as JSON')
    .option('--quiet', 'no hints on standard error');
}

/** What every command on keys takes besides. */
export function withRegistryOption(command: Command): Command {
  return withRemoteOptions(command).option(
    '-r, --registry <slug>',
    'slug or id; default: DOCKREG_REGISTRY, else the only one that you see',
  );
}

/** What every list takes. */
export function withPageOptions(command: Command): Command {
  return command
    .option('--limit <number>', `items of a page, 1 to ${LIMIT_MAX}`, limitOf, 50)
    .option('--after <cursor>', 'the page after this cursor, which the page before gave')
    .option('--all', 'every page');
}

/** Lines below the help of a command: what to type, and what it is for. */
export function examples(command: Command, lines: Readonly<Record<string, string>>): Command {
  const shown = Object.entries(lines).map(([typed, what]) => `  ${typed}\n      ${what}`);
  return command.addHelpText('after', `\n${shown.length > 1 ? 'Examples' : 'Example'}:\n${shown.join('\n')}`);
}

/** For an option that may be given several times. */
export function collected(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** For `--label name=value`, which may be given several times. */
export function collectedLabels(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/su.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('A label is name=value.');
  return { ...before, [name]: value };
}

/** The entries that were given; the API tells an absent field from an empty one. */
export function given<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}

function limitOf(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new InvalidArgumentError(`It is a number from 1 to ${LIMIT_MAX}.`);
}
