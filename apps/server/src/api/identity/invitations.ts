import { createHash } from 'node:crypto';
import { ApiProperty } from '@nestjs/swagger';
import { ID_LENGTH, SECRET_LENGTH } from '#libs/kernel';
import { mintSecret } from '#libs/platform';

/** An invitation holds for a week: `PT168H`. */
const HOLDS_MS = 168 * 3_600_000;
const INVITATION = new RegExp(`^inv_([0-9A-Za-z]{${ID_LENGTH}})_([0-9A-Za-z]{${SECRET_LENGTH}})$`);
/** A whole one has 64 characters. */
export const INVITATION_MAX = 100;

/** What an invited user gets. Shown once; the log has its hash. */
export class InvitationView {
  @ApiProperty({
    description: 'Whoever has it sets the first password: shown in this answer and never again.',
  })
  secret: string;

  @ApiProperty({
    description: 'Path of the page that takes it; the secret is in the fragment, which no server sees.',
  })
  link: string;

  @ApiProperty({ format: 'date-time' }) expiresAt: string;
}

export interface Invitation {
  readonly view: InvitationView;
  /** What the log holds of it. */
  readonly fact: { readonly invitation: string; readonly expiresAt: string };
}

/** A new invitation for a user (`usr_…`): `inv_<id of the user>_<256 random bits>`. */
export function mintInvitation(user: string, at: string): Invitation {
  const secret = `inv_${user.slice('usr_'.length)}_${mintSecret()}`;
  const expiresAt = new Date(Date.parse(at) + HOLDS_MS).toISOString();
  return {
    view: { secret, link: `/invitation#${secret}`, expiresAt },
    fact: { invitation: hashOf(secret), expiresAt },
  };
}

/** For whom the secret is, and what the log must hold of it; undefined when it is no invitation at all. */
export function parseInvitation(secret: string): { user: string; invitation: string } | undefined {
  const id = INVITATION.exec(secret)?.[1];
  return id === undefined ? undefined : { user: `usr_${id}`, invitation: hashOf(secret) };
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
