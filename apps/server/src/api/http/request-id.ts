import { ID_LENGTH } from '#libs/kernel';
import { randomBase62 } from '#libs/platform';

/** Carries the id of the request in every answer; the same id stands in problems, in the log and in events. */
export const REQUEST_ID_HEADER = 'dockreg-request-id';

/** `req_<16 base62>`. Always minted here: an id chosen by a stranger could forge the trail in the log. */
export function mintRequestId(): string {
  return `req_${randomBase62(ID_LENGTH)}`;
}
