/**
 * npm run eval:alerts [-- <seed> …]: plays scenarios with labelled attacks through the rules and prints what they found.
 * Without seeds: the ones held out, on which nothing was tuned. `--verbose` lists false alarms and missed attacks.
 */
import { Detector, KEY_STATE_BYTES_MAX, ResolvedSettings, RULE_NAMES, RULES } from '#libs/alerts';
import type { Attack } from './attacks.js';
import { DAYS } from './keys.js';
import { scenario, type Scenario } from './scenario.js';
import { quantile, Score, type Alarm, type Tally } from './score.js';
import { MINUTE_MS, type TimedFact } from './use.js';

/**
 * The rules were tuned on seeds 1 to 20. These were chosen before anybody looked, and looked at once (docs/alerts.md has each three
 * of them, and 2001 to 2003 and 1001 to 1003 of before): whoever tunes anew draws others.
 */
const HELD_OUT = [3001, 3002, 3003, 4001, 4002, 4003, 5001, 5002, 5003];
const GOALS = { precision: 0.97, recall: 0.9, falseAlarms: 0.05, microseconds: 5 };

interface Cost {
  facts: number;
  microseconds: number;
  stateBytes: number[];
}

/** For --verbose: what the rules held against a key when its attack was over. */
const suspicions = new Map<Attack, string>();

function play({ registries, attacks, canaries, days }: Scenario, score: Score, cost: Cost): void {
  for (const { plan, keys } of registries) {
    const detector = new Detector(plan.id);
    const ofRegistry = new ResolvedSettings();
    const settings = new Map(
      keys.map(({ id, expectedCountries }) => [
        id,
        new ResolvedSettings(undefined, { expectedCountries, canary: canaries.has(id) }),
      ]),
    );
    const alarms: Alarm[] = [];
    for (const facts of days(plan)) {
      const start = process.cpuUsage();
      for (const { time, fact } of facts) {
        judge(detector, fact, settings.get(fact.data.key ?? '') ?? ofRegistry, time, alarms);
      }
      const { user, system } = process.cpuUsage(start);
      cost.microseconds += user + system;
      cost.facts += facts.length;
      noteSuspicions(detector, attacks, facts.at(-1)?.time ?? 0);
    }
    for (const [, state] of detector.snapshot(0).keys) cost.stateBytes.push(JSON.stringify(state).length);
    score.add(alarms, attacks.filter(({ registry }) => registry === plan.id), keys.length, DAYS); // prettier-ignore
  }
}

function judge(
  detector: Detector,
  fact: TimedFact['fact'],
  settings: ResolvedSettings,
  time: number,
  alarms: Alarm[],
): void {
  for (const finding of detector.apply(fact, settings)) {
    if (finding.isNew) alarms.push({ finding, time });
  }
}

function noteSuspicions(detector: Detector, attacks: readonly Attack[], time: number): void {
  for (const one of attacks) {
    if (one.key === null || one.registry !== detector.registry || suspicions.has(one) || time < one.end)
      continue;
    const episode = detector.stateOf(one.key)?.episode;
    suspicions.set(
      one,
      episode ? `${episode.score} ${JSON.stringify(episode.snapshot())} ${episode.votes.join()}` : '',
    );
  }
}

function main(): void {
  const seeds = process.argv
    .slice(2)
    .filter((one) => /^\d+$/.test(one))
    .map(Number);
  const score = new Score();
  const cost: Cost = { facts: 0, microseconds: 0, stateBytes: [] };
  for (const seed of seeds.length > 0 ? seeds : HELD_OUT) play(scenario(seed), score, cost);
  printRules(score);
  printAttacks(score);
  printWhole(score, cost);
  if (process.argv.includes('--verbose')) printMistakes(score);
}

const row = (...cells: (string | number)[]) =>
  console.log(
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(33) : String(cell).padStart(12))).join(''),
  );
const share = (part: number, whole: number) => (whole === 0 ? '-' : (part / whole).toFixed(3));
const precision = (tally: Tally) => share(tally.true, tally.true + tally.false);

function printRules(score: Score): void {
  row('rule', 'severity', 'true', 'false', 'precision', 'false/key/mo');
  for (const rule of RULE_NAMES) {
    const tally = score.byRule.get(rule)!;
    row(
      rule,
      RULES[rule].severity,
      tally.true,
      tally.false,
      precision(tally),
      (tally.false / score.keyMonths).toFixed(4),
    );
  }
}

function printAttacks(score: Score): void {
  console.log('');
  row('attack', 'number', 'found', 'recall', 'median', 'p90');
  for (const [kind, delays] of score.detected) {
    const found = delays.filter((delay) => delay !== null);
    row(
      kind,
      delays.length,
      found.length,
      share(found.length, delays.length),
      text(quantile(found, 0.5)),
      text(quantile(found, 0.9)),
    );
  }
}

function text(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return '-';
  return milliseconds < MINUTE_MS
    ? `${(milliseconds / 1000).toFixed(1)} s`
    : `${(milliseconds / MINUTE_MS).toFixed(0)} min`;
}

function printWhole(score: Score, cost: Cost): void {
  console.log('');
  const all = score.alerts();
  const exactRules = RULE_NAMES.slice(0, RULE_NAMES.indexOf('stuffing') + 1);
  const others = RULE_NAMES.filter((rule) => !exactRules.includes(rule) && RULES[rule].severity !== 'low');
  const recall = (delays: readonly (number | null)[]) =>
    share(delays.filter((delay) => delay !== null).length, delays.length);
  row('alerts that are delivered', '', '', '', 'goal');
  row('precision', precision(all), '', '', `>= ${GOALS.precision}`);
  row('  of rules on behaviour alone', precision(score.alerts(others)));
  row('recall', recall(score.delays()), '', '', `>= ${GOALS.recall}`);
  row('  of attacks by behaviour alone', recall(score.delays(Score.kindsOf('behaviour'))));
  row(
    'false alarms per key and month',
    (all.false / score.keyMonths).toFixed(4),
    '',
    '',
    `<= ${GOALS.falseAlarms}`,
  );
  const exact = score
    .delays(Score.kindsOf('exact').filter((kind) => kind !== 'secrets guessed'))
    .filter((delay) => delay !== null);
  row('rules on one refusal, slowest', text(Math.max(...exact)), '', '', '<= 2.0 s');
  row('facts', cost.facts);
  row('CPU per fact, µs', (cost.microseconds / cost.facts).toFixed(2), '', '', `< ${GOALS.microseconds}`);
  row(
    'state per key, bytes',
    quantile(cost.stateBytes, 0.5),
    'most',
    Math.max(...cost.stateBytes),
    `<= ${KEY_STATE_BYTES_MAX}`,
  );
}

function printMistakes({ falseAlarms, missed }: Score): void {
  for (const { finding, time } of falseAlarms) {
    console.log('false', new Date(time).toISOString(), finding.key ?? finding.registry, finding.rule, JSON.stringify(finding.evidence), JSON.stringify(finding.baseline)); // prettier-ignore
  }
  for (const one of missed) {
    console.log('missed', new Date(one.start).toISOString(), one.key, one.kind, suspicions.get(one) ?? '');
  }
}

main();
