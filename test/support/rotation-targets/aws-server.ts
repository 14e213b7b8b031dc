import { createHash, createHmac } from 'node:crypto';
import { TargetServer, type Asked, type Given } from './target-server.js';

interface Version {
  readonly id: string;
  readonly text: string;
  stages: string[];
}

interface Parameters {
  readonly SecretId: string;
  readonly ClientRequestToken?: string;
  readonly SecretString?: string;
}

/** Requests with an older or newer date are refused by AWS. */
const SKEW_MAX_MS = 15 * 60_000;

/** AWS Secrets Manager with one secret: checks the signature (Signature Version 4), keeps versions and their stages. */
export class AwsServer extends TargetServer {
  readonly accessKeyId = 'AKIDEXAMPLE';
  readonly secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
  readonly region = 'eu-central-1';
  readonly secretId = 'prod/registry-key';
  readonly versions: Version[] = [];

  get current(): Version | undefined {
    return this.versions.find(({ stages }) => stages.includes('AWSCURRENT'));
  }

  answerTo(asked: Asked): Given {
    const refused = this.refusal(asked);
    if (refused) return problem(refused);
    const parameters = JSON.parse(asked.body) as Parameters;
    if (parameters.SecretId !== this.secretId) return problem('ResourceNotFoundException');
    const operation = String(asked.headers['x-amz-target']);
    if (operation === 'secretsmanager.PutSecretValue') return this.put(parameters);
    if (operation === 'secretsmanager.DescribeSecret') return this.describe();
    return problem('UnknownOperationException');
  }

  /** The same token and text again change nothing; the same token and another text are refused. */
  private put({ ClientRequestToken: id = '', SecretString: text = '' }: Parameters): Given {
    if (id.length < 32 || id.length > 64) return problem('InvalidParameterException');
    const before = this.versions.find((version) => version.id === id);
    if (before && before.text !== text) return problem('ResourceExistsException');
    if (!before) {
      for (const version of this.versions) {
        version.stages = version.stages.includes('AWSCURRENT') ? ['AWSPREVIOUS'] : [];
      }
      this.versions.push({ id, text, stages: ['AWSCURRENT'] });
    }
    return { status: 200, body: { Name: this.secretId, VersionId: id, VersionStages: ['AWSCURRENT'] } };
  }

  private describe(): Given {
    const stages = Object.fromEntries(this.versions.map(({ id, stages }) => [id, stages]));
    return { status: 200, body: { Name: this.secretId, VersionIdsToStages: stages } };
  }

  /** AWS Signature Version 4, computed anew from the request as it came in. */
  private refusal({ method, path, headers, body }: Asked): string | undefined {
    const form =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
    const [, keyId, day, region, service, names = '', signature] =
      form.exec(headers.authorization ?? '') ?? [];
    if (keyId !== this.accessKeyId) return 'UnrecognizedClientException';
    if (region !== this.region || service !== 'secretsmanager') return 'InvalidSignatureException';
    const signed = names.split(';');
    const needed = ['host', 'x-amz-date', 'x-amz-target', 'content-type'];
    if (!needed.every((name) => signed.includes(name))) return 'InvalidSignatureException';
    const at = String(headers['x-amz-date']);
    if (!at.startsWith(day!) || Math.abs(Date.now() - timeOf(at)) > SKEW_MAX_MS) return 'RequestExpired';
    const lines = signed.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`);
    const [pathname, query = ''] = path.split('?');
    const request = [method, pathname, query, lines.join(''), names, sha256(body)].join('\n');
    const scope = `${day}/${region}/${service}/aws4_request`;
    const text = ['AWS4-HMAC-SHA256', at, scope, sha256(request)].join('\n');
    const steps = [day!, region, service, 'aws4_request'];
    const key = steps.reduce<Buffer>(hmac, Buffer.from(`AWS4${this.secretAccessKey}`));
    return hmac(key, text).toString('hex') === signature ? undefined : 'InvalidSignatureException';
  }
}

function problem(type: string): Given {
  return { status: 400, body: { __type: type } };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** `20260105T093000Z` in Unix milliseconds. */
function timeOf(text: string): number {
  return Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
