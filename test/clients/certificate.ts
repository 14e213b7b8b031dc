import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Reserved for tests (RFC 2606): no name server of the world knows it. */
export const DOMAIN = 'registry.test';

/** A certificate for 127.0.0.1 and the hosts of DOMAIN. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** What programs must trust to accept it: it signs itself. */
  readonly caFile: string;
}

/** Makes it with openssl, in a new folder. It holds for a day. */
export function makeCertificate(folder: string): Certificate {
  mkdirSync(folder);
  const [certFile, keyFile] = [join(folder, 'registry.crt'), join(folder, 'registry.key')];
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1'.split(' ');
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=IP:127.0.0.1,DNS:*.${DOMAIN}`];
  execFileSync('openssl', [...request, ...subject, '-out', certFile, '-keyout', keyFile], { stdio: 'pipe' });
  return { certFile, keyFile, caFile: certFile };
}
