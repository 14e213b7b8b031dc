import { ApiProperty } from '@nestjs/swagger';
import {
  placeNamed,
  sumUsage,
  usageSeries,
  usageTops,
  type ActionCounts,
  type TopRow,
  type UsageCounts,
  type UsagePoint,
} from '#libs/read-models';
import type { Database } from '#libs/sqlite';
import { USAGE_ACTIONS } from '#libs/usage';
import type { Interval, UsageRange } from './usage-range.js';

/** Names of each kind that an answer has. */
const TOPS_SHOWN = 20;

class ActionCountView {
  @ApiProperty({ type: 'integer', description: 'Requests that the gate let through.' }) accepted: number;
  @ApiProperty({
    type: 'integer',
    description: 'Of those, answered with an error by the registry behind, or broken off.',
  })
  failed: number;
  @ApiProperty({ type: 'integer', description: 'Requests that the gate refused.' }) denied: number;
}

class ActionCountsView {
  @ApiProperty({ type: ActionCountView, required: false }) login?: ActionCountView;
  @ApiProperty({ type: ActionCountView, required: false }) catalog?: ActionCountView;
  @ApiProperty({ type: ActionCountView, required: false }) pull?: ActionCountView;
  @ApiProperty({ type: ActionCountView, required: false }) push?: ActionCountView;
  @ApiProperty({ type: ActionCountView, required: false }) delete?: ActionCountView;
}

class UsageCountsView implements UsageCounts {
  @ApiProperty({ type: ActionCountsView, description: 'Actions that did not occur are left out.' })
  actions: ActionCounts;
  @ApiProperty({
    type: 'integer',
    description: 'Bytes that clients sent, of requests that ended in this time.',
  })
  bytesUp: number;
  @ApiProperty({ type: 'integer', description: 'Bytes that clients were sent.' }) bytesDown: number;
}

class UsagePointView extends UsageCountsView implements UsagePoint {
  @ApiProperty({ format: 'date-time' }) start: string;
}

/** Requests under one name. */
class TallyView {
  @ApiProperty({ type: 'integer' }) pulls: number;
  @ApiProperty({ type: 'integer' }) pushes: number;
  @ApiProperty({ type: 'integer', description: 'Logins, listings and deletions.' }) others: number;
  @ApiProperty({ format: 'date-time', description: 'To the minute.' }) first: string;
  @ApiProperty({ format: 'date-time', description: 'To the minute.' }) last: string;
}

export class RepositoryTallyView extends TallyView {
  @ApiProperty({ type: 'string', nullable: true, description: 'null: those beyond a hundred of one day.' })
  name: string | null;
}

export class PlaceTallyView extends TallyView {
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: '/24 or /48; null: not known, or beyond a hundred.',
  })
  network: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'ISO 3166-1 alpha-2.' }) country: string | null;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Number of the autonomous system.' })
  asn: number | null;
}

export class ClientTallyView {
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Such as `docker`; null: beyond a hundred of one day.',
  })
  client: string | null;
  @ApiProperty({ type: 'integer' }) count: number;
  @ApiProperty({ format: 'date-time', description: 'To the minute.' }) first: string;
  @ApiProperty({ format: 'date-time', description: 'To the minute.' }) last: string;
}

export class CountryTallyView {
  @ApiProperty({ type: 'string', nullable: true }) country: string | null;
  @ApiProperty({ type: 'integer' }) pulls: number;
  @ApiProperty({ type: 'integer' }) pushes: number;
  @ApiProperty({ type: 'integer' }) others: number;
}

/** What a key or a registry was used for. */
export class UsageView {
  @ApiProperty({ format: 'date-time' }) from: string;
  @ApiProperty({ format: 'date-time' }) to: string;
  @ApiProperty({ enum: ['PT1M', 'PT1H', 'P1D'] }) interval: Interval;
  @ApiProperty({ type: UsageCountsView }) total: UsageCounts;
  @ApiProperty({ type: [UsagePointView], description: 'Steps in which nothing was counted are left out.' })
  series: UsagePoint[];
  @ApiProperty({
    type: [RepositoryTallyView],
    description: 'The busiest, of the days that the range touches.',
  })
  repositories: RepositoryTallyView[];
  @ApiProperty({ type: [PlaceTallyView], description: 'The busiest, of the days that the range touches.' })
  networks: PlaceTallyView[];
  @ApiProperty({ type: [CountryTallyView], description: 'Of the days that the range touches.' })
  countries: CountryTallyView[];
  @ApiProperty({ type: [ClientTallyView], description: 'Of the days that the range touches.' })
  clients: ClientTallyView[];
}

/** Usage of a key or a registry, by its id. */
export function usageView(database: Database, subject: string, asked: UsageRange): UsageView {
  const { interval, range, from, to } = asked;
  const series = usageSeries(database, subject, interval, range);
  const places = usageTops(database, subject, 'place', range, -1).map(placeTally);
  return {
    from,
    to,
    interval,
    total: sumUsage(series),
    series,
    repositories: usageTops(database, subject, 'repository', range, TOPS_SHOWN).map(repositoryTally),
    networks: places.slice(0, TOPS_SHOWN),
    countries: countriesOf(places),
    clients: usageTops(database, subject, 'client', range, TOPS_SHOWN).map(clientTally),
  };
}

export function repositoryTally({ name, ...tally }: TopRow): RepositoryTallyView {
  return { name: name || null, ...tally };
}

export function placeTally({ name, ...tally }: TopRow): PlaceTallyView {
  return { ...placeNamed(name), ...tally };
}

export function clientTally({ name, others, first, last }: TopRow): ClientTallyView {
  return { client: name || null, count: others, first, last };
}

function countriesOf(places: readonly PlaceTallyView[]): CountryTallyView[] {
  const byCountry = new Map<string | null, CountryTallyView>();
  for (const { country, pulls, pushes, others } of places) {
    const sum = byCountry.get(country) ?? { country, pulls: 0, pushes: 0, others: 0 };
    byCountry.set(country, {
      country,
      pulls: sum.pulls + pulls,
      pushes: sum.pushes + pushes,
      others: sum.others + others,
    });
  }
  const requests = ({ pulls, pushes, others }: CountryTallyView) => pulls + pushes + others;
  return [...byCountry.values()].sort((one, other) => requests(other) - requests(one)).slice(0, TOPS_SHOWN);
}

/** The compiler asks about every new action. */
ActionCountsView satisfies new () => { [Action in (typeof USAGE_ACTIONS)[number]]?: ActionCountView };
