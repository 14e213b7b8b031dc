import { createHash } from 'node:crypto';
import { Controller, Headers, Post, Req } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { CommandContext } from '#libs/event-store';
import { truncatedNetwork } from '#libs/geography';
import { parseKey } from '#libs/kernel';
import { oneLine } from '#libs/notifications';
import { mintUuid } from '#libs/platform';
import { rawBodyOf } from '../http/body-parser.js';
import { Public } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { invalidField, Problem } from '../http/problems.js';
import { LeakedKeys } from './leaked-keys.js';
import { ReportKeys } from './report-keys.js';

/** In one report; with URLs it fits the body's limit. */
const FINDINGS_MAX = 2_000;
/** Findings handled at once: each may wait for a revocation to hold everywhere. */
const AT_ONCE = 16;
const SOURCE_MAX = 100;
const URL_MAX = 2_048;

class LeakFinding {
  @ApiProperty() token: string;
  @ApiProperty() type: string;
  @ApiProperty({ required: false }) url?: string;
  @ApiProperty({ required: false }) source?: string;
}

class LeakLabel {
  @ApiProperty({ description: 'SHA-256 of the token, in hex.' }) token_hash: string;
  @ApiProperty({ description: 'As it was reported.' }) token_type: string;
  @ApiProperty({ enum: ['true_positive', 'false_positive'] }) label: 'true_positive' | 'false_positive';
}

/** A body with any field is a finding: the format may grow. */
type Finding = Readonly<Record<string, unknown>>;

@ApiTags('leaks')
@Controller('v1/leaks')
export class ReportLeaksRoute {
  constructor(
    private readonly reportKeys: ReportKeys,
    private readonly leakedKeys: LeakedKeys,
  ) {}

  @Post()
  @Public()
  @ApiHeader({ name: 'Github-Public-Key-Identifier', required: true })
  @ApiHeader({ name: 'Github-Public-Key-Signature', required: true })
  @ApiBody({ type: [LeakFinding] })
  @Operation({
    problems: ['report-not-signed'],
    position: false,
    summary:
      "Report leaked keys, in the format of GitHub's secret scanning partners. The signature is the credential.",
    answer: LeakLabel,
    isList: true,
  })
  async report(
    @Req() request: FastifyRequest,
    @Headers('github-public-key-identifier') identifier: string = '',
    @Headers('github-public-key-signature') signature: string = '',
  ): Promise<LeakLabel[]> {
    if (!this.reportKeys.isSet) {
      throw new Problem(
        'report-not-signed',
        'This installation accepts no reports: LEAK_REPORT_KEYS is not set.',
      );
    }
    if (!this.reportKeys.signed(identifier, signature, rawBodyOf(request))) {
      throw new Problem('report-not-signed', 'The signature is not that of a known key over this body.');
    }
    const findings = findingsOf(request.body);
    const labels: LeakLabel[] = [];
    for (let from = 0; from < findings.length; from += AT_ONCE) {
      const group = findings.slice(from, from + AT_ONCE);
      labels.push(...(await Promise.all(group.map((finding) => this.label(finding, contextOf(request))))));
    }
    return labels;
  }

  private async label(finding: Finding, context: CommandContext): Promise<LeakLabel> {
    const token = textOf(finding['token']);
    const found = parseKey(token);
    const source = oneLine(textOf(finding['source'])).slice(0, SOURCE_MAX) || 'unknown';
    const url = textOf(finding['url']).slice(0, URL_MAX) || null;
    const isTrue = found !== undefined && (await this.leakedKeys.report(found, { source, url }, context));
    return {
      // The token itself is not said again: only the answer that generated it ever carries it.
      token_hash: createHash('sha256').update(token).digest('hex'),
      token_type: textOf(finding['type']),
      label: isTrue ? 'true_positive' : 'false_positive',
    };
  }
}

function findingsOf(body: unknown): readonly Finding[] {
  const isFinding = (value: unknown) => typeof value === 'object' && value !== null && 'token' in value;
  if (!Array.isArray(body) || body.length > FINDINGS_MAX || !body.every(isFinding)) {
    throw invalidField('', `The body must be a list of at most ${FINDINGS_MAX} findings with a token each.`);
  }
  return body;
}

function contextOf({ id, ip }: FastifyRequest): CommandContext {
  const actor = { type: 'system', id: 'leak-reports' } as const;
  const network = truncatedNetwork(ip);
  return { commandId: mintUuid(), actor, correlationId: id, ...(network !== undefined && { network }) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
