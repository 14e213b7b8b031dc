import { ROTATION_TARGETS, type RotationTargetKind } from '#libs/keys';
import { targetProblem } from '#libs/outgoing';
import type { Settings } from '#libs/platform';
import type { RotationTarget } from '../../rotation-target.js';
import { IsChoice, IsPattern, IsSecretToken, IsText } from '../http/fields.js';
import { invalidField, Problem } from '../http/problems.js';

const URL_LENGTH_MAX = 2_048;
/** Vault's and GitHub's tokens have some 30 to 300 characters; some that are signed have more. */
const TOKEN_LENGTH_MAX = 4_096;
/** Parts of letters, digits and `. _ -`, none of which begins with a dot: so none is `..`, and none is hidden. */
const PATH = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const GITHUB_API = 'https://api.github.com';

/** Where new secrets go. Which fields there are depends on `kind`. */
export class RotationTargetBody {
  @IsChoice(ROTATION_TARGETS)
  kind: RotationTargetKind;

  @IsText({
    max: URL_LENGTH_MAX,
    optional: 'absent',
    description:
      'webhook: where to post to. vault: the server. github-actions and aws-secrets-manager: the API, unless it is the usual one.',
  })
  url?: string;

  @IsPattern({
    pattern: PATH,
    max: 200,
    rule: 'be a path of letters, digits, . _ and -, such as secret',
    optional: 'absent',
    description: 'vault: where the KV engine is mounted. Absent: secret.',
  })
  mount?: string;

  @IsPattern({
    pattern: PATH,
    max: 500,
    rule: 'be a path of letters, digits, . _ and -, such as team/registry-key',
    optional: 'absent',
    description: 'vault: of the secret. file: below the folder of the registry.',
  })
  path?: string;

  @IsPattern({
    pattern: /^[a-z]{2}(-[a-z]+)+-\d{1,2}$/,
    max: 40,
    rule: 'be a region such as eu-central-1',
    optional: 'absent',
    description: 'aws-secrets-manager',
  })
  region?: string;

  @IsPattern({
    pattern: /^[A-Za-z0-9/_+=.@:-]+$/,
    max: 2_048,
    rule: 'be the name or ARN of a secret',
    optional: 'absent',
    description: 'aws-secrets-manager: name or ARN.',
  })
  secretId?: string;

  @IsPattern({
    pattern: /^[A-Za-z0-9_-][A-Za-z0-9._-]*\/[A-Za-z0-9_-][A-Za-z0-9._-]*$/,
    max: 200,
    rule: 'be <owner>/<name>',
    optional: 'absent',
    description: 'github-actions: `<owner>/<name>`.',
  })
  repository?: string;

  @IsPattern({
    pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
    max: 200,
    rule: 'be letters, digits and _',
    optional: 'absent',
    description: 'github-actions: name of the secret.',
  })
  secretName?: string;

  @IsSecretToken({ max: TOKEN_LENGTH_MAX, optional: 'absent', description: 'vault, github-actions' })
  token?: string;

  @IsSecretToken({ max: 128, optional: 'absent', description: 'aws-secrets-manager' })
  accessKeyId?: string;

  @IsSecretToken({ max: 256, optional: 'absent', description: 'aws-secrets-manager' })
  secretAccessKey?: string;
}

type Field = Exclude<keyof RotationTargetBody, 'kind'>;

/** By kind: what it needs, and what it may have. */
const FIELDS: Readonly<Record<RotationTargetKind, { needs: readonly Field[]; may: readonly Field[] }>> = {
  webhook: { needs: ['url'], may: [] },
  vault: { needs: ['url', 'path', 'token'], may: ['mount'] },
  'aws-secrets-manager': { needs: ['region', 'secretId', 'accessKeyId', 'secretAccessKey'], may: ['url'] },
  'github-actions': { needs: ['repository', 'secretName', 'token'], may: ['url'] },
  file: { needs: ['path'], may: [] },
};

/** `signingSecret` is for a webhook. Throws 400 for a field that is missing or not for this kind, 422 for what this installation refuses. */
export function targetOf(
  body: RotationTargetBody,
  signingSecret: string,
  settings: Settings,
): RotationTarget {
  const { kind, ...fields } = body;
  const { needs, may } = FIELDS[kind];
  for (const name of needs) {
    if (fields[name] === undefined) throw invalidField(`/target/${name}`, `${name} is required for ${kind}.`);
  }
  const given = Object.keys(fields) as Field[];
  const foreign = given.find((name) => fields[name] !== undefined && ![...needs, ...may].includes(name));
  if (foreign !== undefined) throw invalidField(`/target/${foreign}`, `${foreign} is not for ${kind}.`);
  if (fields.url !== undefined) refuseUrl(fields.url, settings);
  if (kind === 'file' && settings.rotationFilesDir === undefined) {
    throw refused('/target/kind', 'this installation writes no files (ROTATION_FILES_DIR)');
  }
  return built(kind, fields, signingSecret);
}

function built(
  kind: RotationTargetKind,
  fields: Omit<RotationTargetBody, 'kind'>,
  signingSecret: string,
): RotationTarget {
  const { url, mount = 'secret', path, region, secretId, repository, secretName, token, accessKeyId, secretAccessKey } = fields; // prettier-ignore
  if (kind === 'webhook') return { kind, url: url!, signingSecret };
  if (kind === 'vault') return { kind, url: url!, mount, path: path!, token: token! };
  if (kind === 'aws-secrets-manager') {
    const opening = { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! };
    return { kind, region: region!, secretId: secretId!, url: url ?? null, ...opening };
  }
  if (kind === 'github-actions') {
    const place = { repository: repository!, secretName: secretName! };
    return { kind, url: url ?? GITHUB_API, ...place, token: token! };
  }
  return { kind, path: path! };
}

/** 422 for an address that is not public: it depends on the installation whether it is refused. */
function refuseUrl(url: string, { allowPrivateTargets }: Settings): void {
  const always = targetProblem(url, true);
  if (always !== undefined) throw invalidField('/target/url', `url ${always}.`);
  const here = targetProblem(url, allowPrivateTargets);
  if (here !== undefined) throw refused('/target/url', `url ${here}`);
}

function refused(pointer: string, detail: string): Problem {
  return new Problem('invalid-value', `${detail}.`, {
    errors: [{ pointer, code: 'invalid-value', detail: `${detail}.` }],
  });
}
