import { readFileSync } from 'node:fs';

export interface Instruction {
  /** In upper case. */
  readonly name: string;
  readonly value: string;
}

/** One `FROM` and what follows it. */
export interface Stage {
  readonly image: string;
  /** undefined: the last stage needs none. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** The stages of our Dockerfile. Understands comments, continued lines and nothing that it does not have. */
export function dockerfile(): Stage[] {
  const text = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name, value] = /^([A-Z]+) (.+)$/.exec(line)!;
    const [, image, as] = name === 'FROM' ? /^(\S+)(?: AS (\w+))?$/.exec(value!)! : [];
    if (image !== undefined) stages.push({ image, name: as, instructions: [] });
    else stages.at(-1)!.instructions.push({ name: name!, value: value! });
  }
  return stages;
}

export function valuesOf({ instructions }: Stage, name: string): string[] {
  return instructions.filter((one) => one.name === name).map(({ value }) => value);
}

/** What the image sets for every container, settings alone. */
export function environmentOfImage(stages: readonly Stage[]): Record<string, string> {
  const pairs = valuesOf(stages.at(-1)!, 'ENV').flatMap((value) => value.split(' '));
  return Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]));
}
