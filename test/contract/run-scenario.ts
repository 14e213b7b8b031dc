import type { Client, ClientPackage, Position } from './client.js';
import { loosened, nameAnswers } from './compare.js';
import { Operations } from './operations.js';
import { Names } from './scenario.js';
import type { Json, Scenario } from './scenario.js';
import type { Answer } from './answers.js';

export interface Compared {
  readonly step: string;
  readonly expected: Json;
  readonly answered: Json;
}

/** Runs a scenario on a client and returns, per step, what was recorded and what came. Never throws for an answer. */
export async function runScenario(
  library: ClientPackage,
  client: Client,
  scenario: Scenario,
): Promise<Compared[]> {
  const names = new Names();
  const operations = new Operations(library, client, names, await markOf(library, client));
  const answers: Answer[] = [];
  for (const step of scenario.steps) answers.push(await operations.perform(step));
  await operations.end();
  const shown = nameAnswers(answers, names);
  return scenario.steps.map((step, index) => ({
    step: `${index + 1} ${step.op}`,
    expected: loosened(library.isOld ? (step.expectOld ?? step.expect) : step.expect, step.loosen),
    answered: loosened(shown[index]!, step.loosen),
  }));
}

/** The position of the newest event, written here so that there is one. */
async function markOf(library: ClientPackage, client: Client): Promise<Position> {
  const event = library.jsonEvent({ type: 'ContractMark', data: {} });
  const { position } = await client.appendToStream('contract-mark', [event], {});
  if (!position) throw new Error('the server gave the mark no position');
  return position;
}
