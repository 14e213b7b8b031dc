import { Webhook } from 'standardwebhooks';
import { TargetServer, type Asked, type Given } from './target-server.js';

export interface RotatedPayload {
  readonly type: string;
  readonly data: {
    readonly key: { readonly id: string; readonly name: string; readonly secret: string };
    readonly predecessor: { readonly id: string; readonly gracePeriod: string };
  };
}

/** Takes what the reference library of Standard Webhooks verifies, and nothing else. */
export class WebhookServer extends TargetServer {
  /** It takes what is signed with one of them. */
  secrets: string[] = [];
  readonly taken: RotatedPayload[] = [];
  /** Ids of what was taken, of repetitions too. */
  readonly ids: string[] = [];

  answerTo({ headers, body }: Asked): Given {
    const signed = this.secrets.map((secret) => verified(secret, headers, body));
    const payload = signed.find((each) => each !== undefined);
    if (payload === undefined) return { status: 401 };
    this.taken.push(payload);
    this.ids.push(String(headers['webhook-id']));
    return { status: 204 };
  }
}

function verified(secret: string, headers: Asked['headers'], body: string): RotatedPayload | undefined {
  try {
    return new Webhook(secret).verify(body, headers as Record<string, string>) as RotatedPayload;
  } catch {
    return undefined;
  }
}
