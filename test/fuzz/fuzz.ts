import fc from 'fast-check';
import { operations, type Operation } from '../support/api-document.js';
import { faultsOfAnswer } from '../support/documented-answer.js';
import { written, type Draft } from './draft.js';
import { CANARY_SECRET } from './hostile.js';
import { draftsOf, specialDrafts } from './mutations.js';
import { NoAnswer, RawConnection, type RawAnswer, type RawRequest } from './raw-connection.js';
import type { World } from './world.js';

/** Requests under way at once, each on a connection of its own. */
const CONNECTIONS = 6;
/** Of a body beyond the limit the server may cut the connection rather than take it to the end. */
const CUT_BEYOND_BYTES = 64 * 1024;
/** Shown of a request that went wrong. */
const SHOWN_MAX = 400;

export interface Figures {
  readonly requests: number;
  /** By the hundreds of the status; `cut` = no answer to a body beyond the limit. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Operations of which no request succeeded. */
  readonly neverGood: readonly string[];
  /** Events that the requests wrote. */
  readonly events: number;
  /** What went wrong, each once for an operation, with how often and the first request. */
  readonly faults: readonly string[];
}

interface Sent {
  readonly draft: Draft;
  readonly request: RawRequest;
  readonly answer: RawAnswer | undefined;
}

/** Sends `each` requests for every operation, and one for each special time and duration; the same requests for the same seed, but for ids that the server makes. */
export async function fuzz(world: World, seed: number, each: number): Promise<Figures> {
  const statuses: Record<string, number> = {};
  const neverGood: string[] = [];
  let events = 0;
  const faults = new Map<string, { times: number; first: string }>();
  let requests = 0;
  for (const operation of inOrder()) {
    await world.refresh();
    const own = seedOf(seed, operation);
    const random = fc.sample(draftsOf(operation, world.ids), { numRuns: each, seed: own });
    const drafts = [...random, ...specialDrafts(operation, world.ids, own)];
    const sent = await sendAll(world, operation, drafts);
    const wrote = await world.newEvents();
    events += [...wrote.values()].flat().length;
    for (const one of sent) {
      requests++;
      const status = one.answer ? `${Math.floor(one.answer.status / 100)}xx` : 'cut';
      statuses[status] = (statuses[status] ?? 0) + 1;
      for (const fault of faultsOf(world, operation, one, wrote)) {
        const { times, first } = faults.get(operation.id + fault) ?? {
          times: 0,
          first: shown(operation, one, fault),
        };
        faults.set(operation.id + fault, { times: times + 1, first });
      }
    }
    if (!sent.some(({ answer }) => answer && answer.status < 400)) neverGood.push(operation.id);
  }
  const told = [...faults.values()].map(({ times, first }) => `${times} times ${first}`);
  return { requests, statuses, neverGood, events, faults: told };
}

/** What makes things comes before what changes them, and what ends them last. */
function inOrder(): Operation[] {
  const rank = ({ method, path }: Operation) => {
    if (method === 'DELETE') return path.endsWith('}') ? 2 : 3;
    if (/\/(?:revoke|erase|disable)$/.test(path)) return 2;
    return method === 'POST' && !path.includes('}/') ? 0 : 1;
  };
  return [...operations].sort((one, other) => rank(one) - rank(other));
}

/** A seed of its own, so that one operation more or less leaves the requests of the others as they were. */
function seedOf(seed: number, { id }: Operation): number {
  let hash = seed;
  for (const letter of id) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
  return hash;
}

async function sendAll(world: World, operation: Operation, drafts: readonly Draft[]): Promise<Sent[]> {
  const sent: Sent[] = [];
  const waiting = drafts.values();
  const lane = async () => {
    const connection = new RawConnection(world.server.apiPort);
    for (const draft of waiting) sent.push(await sendOne(world, operation, draft, connection));
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  return sent;
}

async function sendOne(
  world: World,
  operation: Operation,
  draft: Draft,
  connection: RawConnection,
): Promise<Sent> {
  const segment = (name: string, part: Draft['path'][string]) => world.segment(operation, name, part);
  const request = written(operation, draft, segment, world.credentials(operation));
  try {
    const answer = await connection.ask(request);
    const isJson = (answer.headers['content-type'] ?? '').startsWith('application/json');
    if (isJson && answer.status < 300 && request.method === operation.method)
      world.learn(operation, answer.text);
    return { draft, request, answer };
  } catch (error) {
    if (error instanceof NoAnswer) return { draft, request, answer: undefined };
    throw error;
  }
}

function faultsOf(
  world: World,
  operation: Operation,
  { request, answer }: Sent,
  wrote: Map<string, string[]>,
): string[] {
  if (!answer) return (request.body?.length ?? 0) > CUT_BEYOND_BYTES ? [] : ['no answer'];
  const { status, headers, text } = answer;
  const events = wrote.get(headers['dockreg-request-id'] as string) ?? [];
  const everything = JSON.stringify(headers) + text;
  const holds = (secrets: readonly string[]) => secrets.some((secret) => everything.includes(secret));
  return [
    ...(status >= 500 ? ['a failure of the server'] : []),
    ...(status >= 400 && events.length > 0 && !lostRace(text, events)
      ? [`refused, and wrote ${events.join(', ')}`]
      : []),
    ...(holds([...world.secrets, CANARY_SECRET]) ? ['a secret is in the answer'] : []),
    ...(world.isOfOneTenant(operation) && holds(world.foreignSecrets)
      ? ['data of another tenant is in the answer']
      : []),
    ...faultsOfAnswer({ method: request.method, path: request.path }, answer),
  ];
}

/** Of two rotations at once, one is told that it is too late, and its successor, which nobody was shown, is discarded. */
function lostRace(text: string, events: readonly string[]): boolean {
  return /"code":"key-(?:rotating|revoked)"/.test(text) && events.join() === 'KeyGenerated,KeyRevoked';
}

function shown({ id }: Operation, { draft, request, answer }: Sent, fault: string): string {
  const headers = request.headers.filter(([name]) => !['host', 'authorization'].includes(name));
  const body = request.body?.subarray(0, SHOWN_MAX).toString('latin1');
  const asked = JSON.stringify([request.method, request.path.slice(0, SHOWN_MAX), headers, body]).slice(
    0,
    2 * SHOWN_MAX,
  );
  return `${id}, ${draft.what}: ${fault}\n    asked    ${asked}\n    answered ${answer?.status} ${answer?.text.slice(0, SHOWN_MAX)}`;
}
