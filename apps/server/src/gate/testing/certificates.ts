import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requirePrograms } from './docker-registry.js';

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM; it signs itself. */
  readonly cert: Buffer;
}

/** Makes a certificate for 127.0.0.1 and `localhost` in `folder`, by OpenSSL: `<name>.crt` and `<name>.key`. */
export function makeCertificate(folder: string, name: string): TestCertificate {
  requirePrograms('openssl');
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' ');
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const out = ['-out', certFile, '-keyout', keyFile];
  const { status, stderr } = spawnSync('openssl', [...request, ...subject, ...out], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return { certFile, keyFile, cert: readFileSync(certFile) };
}
