import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Body, Controller, Param, Post, Req, Res } from '@nestjs/common';
import { ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RuleReplay, type AlertConfiguration, type Finding, type RuleName } from '#libs/alerts';
import { EventLog } from '#libs/event-store';
import type { RegistryRow } from '#libs/read-models';
import { Requires } from '../http/caller.js';
import { IsCount, IsFlag, IsList, IsObjectOf, IsTimestamp } from '../http/fields.js';
import { Operation } from '../http/openapi.js';
import { invalidField, Problem } from '../http/problems.js';
import { RegistryParameter } from '../http/registry-parameter.js';
import { RuleParameter } from './alert-parameter.js';
import { expectedPlaces } from './alert-settings.js';
import { IsThreshold } from './rule-fields.js';

/** Each reads the log from its beginning: more at once would take the node from its other callers. */
const REPLAYS_MAX = 2;
/** A reader who takes nothing for so long is gone. */
const SLOW_READER_MS = 30_000;

/** What is tried out; what is left out is as laid down. */
class TriedSettings {
  @IsFlag({ description: 'Whether the rule raises alerts.' }) enabled?: boolean;
  @IsThreshold() threshold?: number | null;

  @IsCount({ min: 3, max: 60, optional: 'absent' }) learningDays?: number;
  @IsCount({ min: 1, max: 720, optional: 'absent' }) foldHours?: number;
  @IsList({ max: 100, optional: true }) expectedCountries?: unknown[] | null;
  @IsList({ max: 100, optional: true }) expectedNetworks?: unknown[] | null;
}

class ReplayBody {
  @IsTimestamp({ description: 'Uses from this time on,' }) from: string;
  @IsTimestamp({ description: 'and before this one.' }) to: string;

  @IsObjectOf(() => TriedSettings, {
    optional: true,
    description: 'To be tried out in place of what is laid down; keys keep what they have of their own.',
  })
  settings?: TriedSettings | null;
}

@ApiTags('alerts')
@Controller('v1/registries/:registry/alert-rules/:rule/replay')
export class ReplayRuleRoute {
  private running = 0;

  constructor(private readonly log: EventLog) {}

  @Post()
  @Requires('configure')
  @ApiResponse({
    status: 200,
    description:
      'Lines of JSON: `{"type": "alert" | "repeat", …}` for what was found, `{"type": "progress", …}` now and then, and `{"type": "end", …}` when it is all; a replay that broke off has no end.',
    content: { 'application/jsonl': { schema: { type: 'string' } } },
  })
  @Operation({
    id: 'replayAlertRule',
    summary:
      'What a rule would have found in a time that is past, also with other settings. Nothing is raised.',
    status: 200,
    position: false,
    problems: ['too-many-replays'],
  })
  async replay(
    @Param('registry', RegistryParameter) { id: registry }: RegistryRow,
    @Param('rule', RuleParameter) rule: RuleName,
    @Body() { from, to, settings }: ReplayBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = { registry, rule, from: Date.parse(from), to: Date.parse(to) };
    if (asked.to <= asked.from) throw invalidField('/to', 'to comes after from.');
    const override = settings ? { override: tried(rule, settings) } : {};
    if (this.running >= REPLAYS_MAX)
      throw new Problem('too-many-replays', `At most ${REPLAYS_MAX} replays run at once.`);
    this.running += 1;
    try {
      await this.send(new RuleReplay({ ...asked, ...override }), registry, request, reply);
    } finally {
      this.running -= 1;
    }
  }

  private async send(
    replay: RuleReplay,
    registry: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    // The first page is read before the answer begins, so that a store that is away is still a 503.
    const streams = [`registry-${registry}`, 'key-', `usage-${registry}.`];
    const head = await this.log.head();
    let page = await this.log.readStreamsAfter(undefined, streams);
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'application/jsonl',
      'x-accel-buffering': 'no',
    });
    if (request.method === 'HEAD') return void raw.end();
    const counts = { events: 0, alerts: 0, repeats: 0 };
    try {
      for (;;) {
        const last = page.at(-1);
        const found = page.flatMap((fact) =>
          replay.apply(fact).map((finding) => shown(finding, fact.position)),
        );
        counts.events += page.length;
        for (const { type } of found) counts[type === 'alert' ? 'alerts' : 'repeats'] += 1;
        const position = last?.position.toString();
        const progress = { type: 'progress', ...counts, position, head: head?.toString() };
        const lines = last ? [...found, progress] : [{ type: 'end', ...counts }];
        if (!(await write(raw, lines)) || !last) break;
        page = await this.log.readStreamsAfter(last.position, streams);
      }
    } catch {
      // The store went away: without its last line the answer is known to be cut.
    }
    raw.end();
  }
}

/** False when nobody reads any more. */
async function write(raw: ServerResponse, lines: readonly object[]): Promise<boolean> {
  if (raw.destroyed) return false;
  if (raw.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))) return true;
  try {
    await once(raw, 'drain', { signal: AbortSignal.timeout(SLOW_READER_MS) });
    return !raw.destroyed;
  } catch {
    raw.destroy();
    return false;
  }
}

function shown(finding: Finding, position: bigint) {
  const { alert, key, severity, count, isNew, evidence, baseline } = finding;
  return {
    type: isNew ? ('alert' as const) : ('repeat' as const),
    alert,
    key,
    severity,
    at: new Date(finding.at).toISOString(),
    count,
    evidence,
    baseline,
    position: position.toString(),
  };
}

function tried(rule: RuleName, settings: TriedSettings) {
  const { enabled, threshold, learningDays, foldHours, expectedCountries, expectedNetworks } = settings;
  const places = expectedPlaces({
    expectedCountries: expectedCountries ?? [],
    expectedNetworks: expectedNetworks ?? [],
  });
  return (laidDown: AlertConfiguration): AlertConfiguration => {
    const { settings: before } = laidDown;
    const { threshold: thresholdBefore, ...others } = before.rules[rule] ?? {};
    // null tries the default; what is left out stays.
    const limit = threshold === undefined ? thresholdBefore : (threshold ?? undefined);
    const choice = {
      ...others,
      ...(enabled !== undefined && { enabled }),
      ...(limit !== undefined && { threshold: limit }),
    };
    return {
      ...laidDown,
      settings: {
        ...before,
        rules: { ...before.rules, [rule]: choice },
        ...(learningDays !== undefined && { learningDays }),
        ...(foldHours !== undefined && { foldHours }),
        ...(expectedCountries !== undefined && { expectedCountries: places.expectedCountries }),
        ...(expectedNetworks !== undefined && { expectedNetworks: places.expectedNetworks }),
      },
    };
  };
}
