import { ApiProblem, type NoAnswer } from '#libs/client';
import { CommandFailure, EXIT } from '../cli-error.js';
import { shown } from './screen.js';

/** What to do next, by the code of the problem; every other code has its page. */
const NEXT: Readonly<Record<string, string>> = {
  'not-authenticated': 'Sign in again: dockreg login. A token may have expired, or was ended.',
  'sign-in-failed': 'Check both and try again.',
  'not-permitted': 'An owner of the registry, or an administrator, can give you the right.',
  'not-found': 'See what there is: dockreg registries list, dockreg keys list.',
  'not-supported': 'Leave it out: this server could not enforce it.',
};

/** What the API answered, as the person who typed the command needs it. */
export function failureOf(error: ApiProblem | NoAnswer, url: string): CommandFailure {
  if (!(error instanceof ApiProblem)) {
    return new CommandFailure(error.message, EXIT.unavailable, [
      'Is it the right address, and does the server run? See dockreg status.',
    ]);
  }
  const { detail, code, requestId, errors } = error;
  const place = requestId === undefined ? code : `${code}, ${requestId}`;
  const faults =
    errors.length > 1 ? errors.map((one) => `${one.pointer ?? one.parameter}: ${one.detail}`) : [];
  const lines = [...faults, ...nextOf(error, url)];
  return new CommandFailure(
    `${shown(withoutStop(detail))} (${shown(place)})`,
    exitCodeOf(error),
    lines.map(shown),
  );
}

function exitCodeOf({ status }: ApiProblem): number {
  if (status === 401) return EXIT.notAuthenticated;
  if (status === 403 || status === 404) return EXIT.notFound;
  if (status === 409 || status === 412) return EXIT.conflict;
  if (status === 429 || (status > 500 && status < 600)) return EXIT.unavailable;
  return status >= 400 && status < 500 ? EXIT.usage : EXIT.failed;
}

function nextOf({ status, code, retryAfter, document }: ApiProblem, url: string): string[] {
  if (status >= 300 && status < 400)
    return ['The server leads elsewhere. Name the address that it leads to.'];
  if (retryAfter !== undefined) return [`Try again in ${retryAfter} s.`];
  const known = NEXT[code];
  if (known !== undefined) return [known];
  return document['type'] === undefined ? [] : [`Explained at ${url}/problems/${code}`];
}

/** A sentence that goes on in brackets. */
function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}
