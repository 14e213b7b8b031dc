import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** What the tests read of a service, in the one of its forms that our file uses. */
export interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: object;
  readonly restart?: string;
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly privileged?: boolean;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, object>>;
  readonly volumes: Readonly<Record<string, object>>;
}

/** docker-compose.yml with its anchors resolved, as compose resolves them. */
export function composeFile(): ComposeFile {
  const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
  return parse(text, { merge: true }) as ComposeFile;
}

/** The environment of a service, with these variables in the operator's shell. */
export function environmentOf(
  { environment = {} }: Service,
  shell: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(environment);
  return Object.fromEntries(entries.map(([name, value]) => [name, interpolated(value, shell)]));
}

/** `${NAME:-default}` and `$$`, the forms that our file uses. Throws on any other. */
export function interpolated(text: string, shell: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(\$|\{(\w+):-([^}]*)\}|)/g, (whole, _form, name?: string, otherwise?: string) => {
    if (whole === '$$') return '$';
    if (name === undefined) throw new Error(`not understood: ${text}`);
    return shell[name] || otherwise!;
  });
}

/** The names of the services that have a volume. */
export function servicesOf({ services }: ComposeFile, volume: string): string[] {
  return Object.entries(services)
    .filter(([, { volumes = [] }]) => volumes.some((one) => one.startsWith(`${volume}:`)))
    .map(([name]) => name);
}
