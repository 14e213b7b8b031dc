import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { loginLines, snippets, stringsIn } from './snippets.js';

/** What means a key, wherever it is from. */
const SECRET = /\$\{?DOCKREG_KEY\b(?!_ID)|secrets\./;
/** The one way in which a key leaves a variable: printf is the shell itself, so no process has it in its arguments. */
const ON_STANDARD_INPUT =
  /^printf %s "\$DOCKREG_KEY" \| docker login -u "\$DOCKREG_KEY_ID" --password-stdin \S+$/;
/** Names that GitLab gives a meaning of its own: https://docs.gitlab.com/ci/jobs/#job-names */
const GITLAB_KEYWORDS = [
  'image',
  'services',
  'stages',
  'before_script',
  'after_script',
  'variables',
  'cache',
  'include',
];

const all = snippets();
const yaml = all.filter(({ language }) => language === 'yaml');
const parsed = (heading: string) =>
  parse(yaml.find((snippet) => snippet.heading === heading)!.text) as Record<string, unknown>;

/** Every command of every snippet. */
function commands(): string[] {
  const inYaml = yaml.flatMap(({ text }) => stringsIn(parse(text)));
  const run = inYaml.filter(({ path }) => path.some((name) => /^(run|.*script)$/.test(name)));
  const shell = all.filter(({ language }) => language === 'sh').map(({ text }) => text);
  return [...run.map(({ text }) => text), ...shell];
}

describe('the snippets of docs/deploy', () => {
  it('are YAML where they say so', () => {
    expect(yaml.map(({ heading }) => heading)).toEqual(['GitHub Actions', 'GitLab CI', 'Kubernetes']);
    for (const { text } of yaml) expect(parse(text)).toEqual(expect.any(Object));
    const jobs = Object.keys(parsed('GitLab CI'));
    expect(jobs.filter((name) => GITLAB_KEYWORDS.includes(name))).toEqual([]);
  });

  it('are commands that a shell can read', () => {
    expect(commands().length).toBeGreaterThan(6);
    for (const command of commands()) {
      const { status, stderr } = spawnSync('sh', ['-n'], { input: command, encoding: 'utf8' });
      expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
    }
  });

  it('put no secret into an argument', () => {
    const lines = commands().flatMap((command) => command.split('\n'));
    const withSecret = lines.filter((line) => SECRET.test(line) || /docker login/.test(line));
    expect(withSecret).toHaveLength(3);
    for (const line of withSecret) expect(line).toMatch(ON_STANDARD_INPUT);
    expect(lines.join('\n')).not.toMatch(/--docker-password|--password[ =]|\s-p\s|--creds/);
  });

  it('take a secret from a secret store, by name, and only into the environment of one step', () => {
    const strings = yaml.flatMap(({ text }) => stringsIn(parse(text)));
    const references = strings.filter(({ text }) => text.includes('secrets.'));
    expect(references.map(({ path, text }) => [path.slice(-2), text])).toEqual([
      [['env', 'DOCKREG_KEY'], '${{ secrets.DOCKREG_KEY }}'],
    ]);
    expect(references[0]!.path).toContain('steps');
    expect(all.map(({ text }) => text).join('\n')).not.toMatch(/dr[km]_[0-9A-Za-z]{16}/);
  });

  it('pull in Kubernetes with a secret that the commands beside it make', () => {
    const deployment = parsed('Kubernetes');
    expect(deployment).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment' });
    const pulling = stringsIn(deployment).filter(({ path }) => path.includes('imagePullSecrets'));
    expect(pulling).toHaveLength(1);
    const name = pulling[0]!.text;
    const making = all.find(({ heading, language }) => heading === 'Kubernetes' && language === 'sh')!.text;
    expect(making).toContain(`kubectl create secret generic ${name} --type=kubernetes.io/dockerconfigjson`);
  });

  it('log in by one line each, which test/clients runs', () => expect(loginLines()).toHaveLength(3));
});
