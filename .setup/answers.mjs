import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, say } from './steps.mjs';

/** Answers with such a status show that the operation works: it leads on, or answers itself. */
const SUCCESS = /^[23]/;

/**
 * Collects what the end-to-end specs write down of each answer that they held against docs/openapi.json
 * (test/support/documented-answer.ts), while `run` runs with the folder's name in its environment. `isWhole` says whether all
 * specs ran: then an operation that none of them saw succeed fails the run. Resolves to the exit code of `run`, or 1.
 */
export async function countingAnswers(isWhole, run) {
  const folder = mkdtempSync(join(tmpdir(), 'dockreg-answers-'));
  try {
    const code = await run({ TEST_ANSWERS_DIR: folder });
    const unseen = report(folder);
    if (!isWhole || unseen.length === 0) return code;
    say(`answers: no end-to-end spec saw these operations succeed: ${unseen.join(', ')}`);
    return code === 0 ? 1 : code;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Prints how many answers of each operation were checked; the operations that never succeeded. */
function report(folder) {
  const counts = new Map(operationIds().map((id) => [id, { all: 0, good: 0 }]));
  for (const file of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
      const [id, status] = line.split(' ');
      const count = counts.get(id);
      if (!count) continue;
      count.all++;
      if (SUCCESS.test(status)) count.good++;
    }
  }
  const total = [...counts.values()].reduce((sum, { all }) => sum + all, 0);
  if (total === 0) return [...counts.keys()];
  const asked = [...counts].filter(([, { all }]) => all > 0);
  const lines = asked.map(([id, { all, good }]) => `${id} ${all} (${good})`);
  say(
    `answers: ${total} of ${asked.length} operations (of ${counts.size}) checked against docs/openapi.json (of these with success):`,
  );
  say(`  ${lines.join(', ')}`);
  return [...counts].filter(([, { good }]) => good === 0).map(([id]) => id);
}

function operationIds() {
  const { paths } = JSON.parse(readFileSync(join(root, 'docs/openapi.json'), 'utf8'));
  return Object.values(paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
}
