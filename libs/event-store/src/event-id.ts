import { createHash } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { canonicalJson } from '#libs/audit';
import type { Fact } from '#libs/kernel';

/**
 * The id of the event that a command appends at `index`: UUIDv5 with the command's id as the name space. A retry of the
 * same bytes has the same id and is recognised by the store; another payload under the same command has another id and
 * conflicts. The stream stands in it because one command may write to two streams (a reservation and its target).
 */
export function eventId(commandId: string, stream: string, index: number, fact: Fact): string {
  const digest = createHash('sha256').update(canonicalJson(fact.data)).digest('hex');
  return uuidv5(`${stream} ${index} ${fact.type} ${digest}`, commandId);
}
