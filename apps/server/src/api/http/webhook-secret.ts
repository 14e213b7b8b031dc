import { randomBytes } from 'node:crypto';

/** Standard Webhooks asks for 24 to 64 bytes. */
const SECRET_BYTES = 32;
/** How long a replaced secret still signs, so that a receiver can change over. */
const OVERLAP_MS = 24 * 3_600_000;

/** A new signing secret: `whsec_` and base64. */
export function mintWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/** Until when the secret that is replaced at a time still signs. */
export function overlapEnd(at: string): string {
  return new Date(Date.parse(at) + OVERLAP_MS).toISOString();
}
