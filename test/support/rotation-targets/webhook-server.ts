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
  secret = '';
  readonly taken: RotatedPayload[] = [];
  /** Ids of what was taken, of repetitions too. */
  readonly ids: string[] = [];

  answerTo({ headers, body }: Asked): Given {
    try {
      const payload = new Webhook(this.secret).verify(body, headers as Record<string, string>);
      this.taken.push(payload as RotatedPayload);
      this.ids.push(String(headers['webhook-id']));
      return { status: 204 };
    } catch {
      return { status: 401 };
    }
  }
}
