import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NoteSigner, signerKey } from '#libs/audit';
import { AuditKey } from '#libs/platform';
import { PUBLIC } from '../http/caller.js';
import { EdgeApp } from '../http/edge-app.js';
import { VerifierKeyRoute } from './verifier-key.js';

const signer = signerKey('registry.example.com', Buffer.alloc(32, 7));
let app: EdgeApp;
beforeAll(async () => {
  app = await EdgeApp.start({
    controllers: [VerifierKeyRoute],
    providers: [{ provide: AuditKey, useValue: new AuditKey(NoteSigner.read(signer)) }],
  });
});
afterAll(() => app.close());

describe('GET /v1/audit-log/key', () => {
  it('gives the verifier key, and nothing of the signer key', async () => {
    const { status, text } = await app.call('GET', '/v1/audit-log/key');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ key: NoteSigner.read(signer).verifierKey });
    expect(text).not.toContain(signer.split('+').at(-1)!);
  });

  it('is for callers who have signed in', () => {
    const marks = [VerifierKeyRoute, VerifierKeyRoute.prototype.get].map((one) =>
      Reflect.getMetadata(PUBLIC, one),
    );
    expect(marks).toEqual([undefined, undefined]);
  });
});
