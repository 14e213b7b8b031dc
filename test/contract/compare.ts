import { RawPosition } from './answers.js';
import type { Answer } from './answers.js';
import type { Json, Names } from './scenario.js';

/** Names the positions of all answers of one scenario `p0 < p1 < …` and puts `{t}` back for the tag. */
export function nameAnswers(answers: readonly Answer[], names: Names): Json[] {
  const found = new Map<string, RawPosition>();
  const keyOf = ({ commit, prepare }: RawPosition) => `${commit}/${prepare}`;
  const collect = (answer: Answer): void => {
    if (answer instanceof RawPosition) found.set(keyOf(answer), answer);
    else if (typeof answer === 'object' && answer !== null) Object.values(answer).forEach(collect);
  };
  answers.forEach(collect);
  const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...found.values()].sort(
    (a, b) => compare(a.commit, b.commit) || compare(a.prepare, b.prepare),
  );
  const nameOf = new Map(
    sorted.map((position, index) => [
      keyOf(position),
      `p${index}${position.commit === position.prepare ? '' : '~'}`,
    ]),
  );
  const show = (answer: Answer): Json => {
    if (answer instanceof RawPosition) return nameOf.get(keyOf(answer))!;
    if (typeof answer === 'string') return names.restore(answer);
    if (Array.isArray(answer)) return answer.map(show);
    if (typeof answer !== 'object' || answer === null) return answer;
    return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, show(value)]));
  };
  return answers.map(show);
}

/** Removes the parts that are not compared; `path:some` keeps only whether there is something. */
export function loosened(answer: Json, paths: readonly string[] = []): Json {
  const copy = structuredClone(answer);
  for (const path of paths) {
    const [place, some] = path.split(':');
    loosen(copy, place!.split('.'), some === 'some');
  }
  return copy;
}

function loosen(value: Json, [key, ...rest]: string[], keepsSome: boolean): void {
  if (typeof value !== 'object' || value === null || key === undefined) return;
  const container = value as Record<string, Json>;
  const keys = key === '*' ? Object.keys(container) : key in container ? [key] : [];
  for (const name of keys) {
    if (rest.length > 0) loosen(container[name]!, rest, keepsSome);
    else if (keepsSome)
      container[name] = container[name] === 'some' || Number(container[name]) > 0 ? 'some' : 'none';
    else delete container[name];
  }
}
