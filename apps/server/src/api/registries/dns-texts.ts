import { Resolver } from 'node:dns/promises';
import { Refusal } from '#libs/kernel';

/** The first try of a server waits this long, the second twice as long. */
const TRY_MS = 1_000;
const TRIES = 2;
/** All servers and tries together: a caller waits for the answer. */
const LOOK_UP_MS = 5_000;

/** What a look-up fails with when the name, or a text record of it, does not exist. */
const NO_SUCH_RECORD: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

/**
 * The text records of a DNS name, each put together from its chunks; none when there is no such name or record. A CNAME is
 * followed by the server that is asked. `servers` as in the setting DNS_SERVERS; undefined: the system's. Throws Refusal
 * `unavailable` when no server gives an answer within 5 s.
 */
export async function dnsTexts(name: string, servers: readonly string[] | undefined): Promise<string[]> {
  // One resolver for one look-up: it keeps no answer of an earlier one, and `cancel` ends all that it has under way.
  const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
  if (servers) resolver.setServers(servers);
  const limit = setTimeout(() => resolver.cancel(), LOOK_UP_MS);
  try {
    return (await resolver.resolveTxt(name)).map((chunks) => chunks.join(''));
  } catch (cause) {
    if (NO_SUCH_RECORD.has((cause as NodeJS.ErrnoException).code)) return [];
    throw new Refusal('unavailable', 'DNS gave no answer about this host; nothing was changed', { cause });
  } finally {
    clearTimeout(limit);
  }
}
