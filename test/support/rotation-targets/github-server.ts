import sodium from 'libsodium-wrappers';
import { TargetServer, type Asked, type Given } from './target-server.js';

const KEY_ID = '568250167242549743';

/** The secrets of one repository in GitHub's REST API: opens what is put with its private key, as GitHub does. */
export class GithubServer extends TargetServer {
  readonly token = 'github_pat_11TEST';
  readonly repository = 'acme/webshop';
  readonly secrets = new Map<string, string>();
  private keys: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array } | undefined;

  async answerTo({ method, path, headers, body }: Asked): Promise<Given> {
    if (headers.authorization !== `Bearer ${this.token}`) return { status: 401 };
    if (headers['x-github-api-version'] !== '2022-11-28') return { status: 400 };
    const place = `/repos/${this.repository}/actions/secrets/`;
    if (!path.startsWith(place)) return { status: 404 };
    await sodium.ready;
    const { publicKey, privateKey } = (this.keys ??= sodium.crypto_box_keypair());
    const name = path.slice(place.length);
    if (method === 'GET' && name === 'public-key') {
      return { status: 200, body: { key_id: KEY_ID, key: Buffer.from(publicKey).toString('base64') } };
    }
    const put = JSON.parse(body) as { encrypted_value: string; key_id: string };
    if (method !== 'PUT' || put.key_id !== KEY_ID) return { status: 422 };
    const sealed = Buffer.from(put.encrypted_value, 'base64');
    this.secrets.set(
      name,
      Buffer.from(sodium.crypto_box_seal_open(sealed, publicKey, privateKey)).toString(),
    );
    return { status: 201, body: {} };
  }
}
