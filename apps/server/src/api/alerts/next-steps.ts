import { ApiProperty } from '@nestjs/swagger';
import type { NextStep } from '#libs/alerts';

/** One thing to do about an alert: as a request of this API, and as a command. */
export class NextStepView {
  @ApiProperty({ enum: ['suspend', 'revoke', 'rotate', 'update-client', 'narrow', 'keep'] }) step: NextStep;
  @ApiProperty({ description: 'What it is for.' }) why: string;
  @ApiProperty({ enum: ['GET', 'POST', 'PATCH'] }) method: string;
  @ApiProperty({ example: '/v1/registries/myapp/keys/drk_4TzR0aKd9P2Xb7Qm/suspend' }) path: string;
  @ApiProperty({
    type: 'object',
    nullable: true,
    additionalProperties: true,
    description: 'The body of the request.',
  })
  body: Readonly<Record<string, unknown>> | null;
  @ApiProperty({ description: 'For a shell with DOCKREG_URL and DOCKREG_TOKEN.' }) command: string;
}

interface Subject {
  readonly slug: string;
  readonly alert: string;
  readonly key: string | null;
}
type Request = Pick<NextStepView, 'why' | 'method' | 'path' | 'body'>;

/** The steps of an alert, the advised first. */
export function nextSteps(steps: readonly NextStep[], subject: Subject): NextStepView[] {
  return steps.map((step) => {
    const request = REQUESTS[step](subject);
    return { step, ...request, command: commandOf(request) };
  });
}

const REQUESTS: Readonly<Record<NextStep, (subject: Subject) => Request>> = {
  suspend: (subject) => ({
    why: 'The key is refused until somebody resumes it.',
    method: 'POST',
    path: `${keyPath(subject)}/suspend`,
    body: {},
  }),
  revoke: (subject) => ({
    why: 'The key is refused for ever.',
    method: 'POST',
    path: `${keyPath(subject)}/revoke`,
    body: {},
  }),
  rotate: (subject) => ({
    why: 'Another key takes over; the old one works on until the grace period ends.',
    method: 'POST',
    path: `${keyPath(subject)}/rotate`,
    body: { gracePeriod: 'PT24H' },
  }),
  'update-client': (subject) => ({
    why: 'Somebody still has the old secret: see which key it was, and give that client another one.',
    method: 'GET',
    path: keyPath(subject),
    body: null,
  }),
  narrow: ({ slug, key }) =>
    key === null
      ? {
          why: 'Look at the networks that the policy of the registry allows.',
          method: 'GET',
          path: `${registryPath(slug)}/policy`,
          body: null,
        }
      : {
          why: 'Accept the key from its own networks alone.',
          method: 'PATCH',
          path: `${registryPath(slug)}/keys/${key}`,
          body: { networks: ['192.0.2.0/24'] },
        },
  keep: ({ slug, alert }) => ({
    why: 'The use was meant: nothing else has to be done.',
    method: 'POST',
    path: `${registryPath(slug)}/alerts/${alert}/resolve`,
    body: { outcome: 'expected' },
  }),
};

function registryPath(slug: string): string {
  return `/v1/registries/${slug}`;
}

/** An alert on the registry is about no key: then its keys are listed. */
function keyPath({ slug, key }: Subject): string {
  return key === null ? `${registryPath(slug)}/keys` : `${registryPath(slug)}/keys/${key}`;
}

/** Slugs and ids are letters, digits, `-` and `_`: a shell takes them as they are. */
function commandOf({ method, path, body }: Request): string {
  const sent = body === null ? '' : `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}' `;
  const verb = method === 'GET' ? '' : `-X ${method} `;
  return `curl ${verb}-H "Authorization: Bearer $DOCKREG_TOKEN" ${sent}"$DOCKREG_URL${path}"`;
}
