import { OwnDeadline } from './errors.js';

/** An append or a page that takes longer is given up (and appended again with the same ids): the client waits for ever. */
export const ANSWER_WITHIN_MS = 5_000;

/** The call's result; rejects with OwnDeadline when it takes longer. What comes of the call after that is nobody's. */
export async function within<Result>(ms: number, operation: string, call: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OwnDeadline(operation, ms)), ms);
  });
  try {
    return await Promise.race([call, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
