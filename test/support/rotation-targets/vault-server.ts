import { TargetServer, type Asked, type Given } from './target-server.js';

interface Written {
  readonly options?: { readonly cas?: number };
  readonly data: Readonly<Record<string, string>>;
}

/** The KV engine of HashiCorp Vault, version 2, with `cas_required`: reading, and writing over the version that was read. */
export class VaultServer extends TargetServer {
  readonly token = 'hvs.CAESIJvVaultTokenOfATest';
  /** By path `<mount>/data/<path>`, the oldest version first. */
  readonly versions = new Map<string, Readonly<Record<string, string>>[]>();

  answerTo({ method, path, headers, body }: Asked): Given {
    if (headers['x-vault-token'] !== this.token) return errors(403, 'permission denied');
    const place = path.replace(/^\/v1\//, '');
    const versions = this.versions.get(place) ?? [];
    if (method === 'GET') {
      const data = versions.at(-1);
      return data ? { status: 200, body: { data: { data, metadata: metadata(versions) } } } : errors(404);
    }
    const { options, data } = JSON.parse(body) as Written;
    if (options?.cas === undefined) return errors(400, 'check-and-set parameter required for this call');
    if (options.cas !== versions.length)
      return errors(400, 'check-and-set parameter did not match the current version');
    versions.push(data);
    this.versions.set(place, versions);
    return { status: 200, body: { data: metadata(versions) } };
  }
}

function metadata(versions: readonly unknown[]): object {
  return { version: versions.length, destroyed: false, deletion_time: '' };
}

function errors(status: number, ...texts: string[]): Given {
  return { status, body: { errors: texts } };
}
