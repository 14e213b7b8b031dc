import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The recorded scenarios; their format is described in vectors/FORMAT.md. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface Step {
  readonly op: string;
  readonly args: JsonObject;
  readonly save?: Readonly<Record<string, string>>;
  readonly loosen?: readonly string[];
  readonly expect: Json;
  readonly expectOld?: Json;
}

export interface Scenario {
  /** `<file>/<name>`, which is unique. */
  readonly name: string;
  readonly why: string;
  readonly steps: readonly Step[];
}

const folder = fileURLToPath(new URL('vectors', import.meta.url));

export function loadScenarios(): Scenario[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.sort().flatMap((file) => {
    const scenarios = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Scenario[];
    return scenarios.map((scenario) => ({
      ...scenario,
      name: `${file.replace('.json', '')}/${scenario.name}`,
    }));
  });
}

/** The names of one run of one scenario: a tag for streams and types, a prefix for event ids. */
export class Names {
  readonly tag = `t${randomBytes(5).toString('hex')}`;
  private readonly idPrefix = `${randomBytes(4).toString('hex')}-0000-4000-8000-`;

  /** Replaces `{t}` in every string of the value. */
  fill<Value extends Json>(value: Value): Value {
    return JSON.parse(JSON.stringify(value).replaceAll('{t}', this.tag)) as Value;
  }

  /** Puts `{t}` back. */
  restore(text: string): string {
    return text.replaceAll(this.tag, '{t}');
  }

  eventId(id: string): string {
    return this.idPrefix + id.padStart(12, '0');
  }

  shownId(id: string): string {
    return id.startsWith(this.idPrefix) ? id.slice(this.idPrefix.length).replace(/^0+/, '') : 'uuid';
  }
}
