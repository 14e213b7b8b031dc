import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccessModel, Asked, Credentials, Decision } from '#libs/access';
import type { Geography } from '#libs/geography';
import { hash32 } from '#libs/kernel';
import { clientName, type DeniedUse, type UsageCounter } from '#libs/usage';
import type { LiveLastUses } from '../usage/live-last-uses.js';
import type { GateUsage, UsedKey } from './gate.js';

/** From here on an answer says that something failed behind the gate; 404 is what a push asks for before it sends a blob. */
const FAILED_FROM_STATUS = 500;

/**
 * Tells the counter (libs/usage) what the gate decides: beside the request, in memory, without waiting. Bytes are those of the
 * connection while the request was under way, headers included.
 */
export class CountUsage implements GateUsage {
  constructor(
    private readonly parts: {
      readonly counter: UsageCounter;
      readonly geography: Geography;
      readonly lastUses?: Pick<LiveLastUses, 'used'>;
      readonly access: AccessModel;
      /** In ms since the epoch. */
      readonly now: () => number;
    },
  ) {}

  accepted(used: UsedKey, { action, repository }: Asked, request: IncomingMessage, address: string): void {
    const { counter, lastUses, access, now } = this.parts;
    const use = { ...used, action, repository, ...this.#from(request, address) };
    const at = now();
    counter.accept(use, at, access.position);
    lastUses?.used(use, at);
  }

  follow(
    { registry, key }: UsedKey,
    { action }: Asked,
    request: IncomingMessage,
    response: ServerResponse,
  ): () => void {
    const { counter, access, now } = this.parts;
    const { socket } = request;
    const [read, written] = [socket.bytesRead, socket.bytesWritten];
    return () => {
      const bytesUp = Math.max(0, socket.bytesRead - read);
      const bytesDown = Math.max(0, socket.bytesWritten - written);
      const failed = response.statusCode >= FAILED_FROM_STATUS || !response.writableFinished;
      counter.finish({ registry, key, action, bytesUp, bytesDown, failed }, now(), access.position);
    };
  }

  denied(
    decision: Decision,
    registry: string,
    credentials: Credentials,
    { action, repository }: Asked,
    request: IncomingMessage,
    address: string,
  ): void {
    const whose = this.#whose(decision, registry, credentials);
    if (whose === undefined) return;
    const { counter, access, now } = this.parts;
    const denied = decision.proven ? decision.denied : undefined;
    const { proven } = decision;
    const from = this.#from(request, address);
    const credential = credentials.kind === 'key' ? hash32(tried(credentials, whose.reason)) : undefined;
    const use: DeniedUse = { ...whose, proven, denied, action, repository, credential, ...from };
    counter.deny(use, now(), access.position);
  }

  /**
   * The owner of a key learns what was tried with it, also at another registry's host; the other registry's owner learns
   * nothing of the key. undefined: this was no refusal of a key, but the start of a login.
   */
  #whose(
    decision: Decision,
    registry: string,
    credentials: Credentials,
  ): Pick<DeniedUse, 'registry' | 'key' | 'reason'> | undefined {
    const { access } = this.parts;
    const { verdict: reason } = decision;
    if (reason === 'no_credentials' || reason === 'allowed') return undefined;
    const key = decision.proven ? decision.keyId : credentials.kind === 'key' ? credentials.id : undefined;
    const home = key === undefined ? undefined : access.registryOfKey(key);
    if (home === undefined) return { registry, key: undefined, reason };
    const isTold = decision.proven || access.isCanary(key!);
    return {
      registry: isTold ? home : registry,
      key: isTold || home === registry ? key : undefined,
      reason,
    };
  }

  #from(request: IncomingMessage, address: string) {
    return { ...this.parts.geography.locate(address), client: clientName(request.headers['user-agent']) };
  }
}

/** What a stranger guesses at: the id while there is no such key, else its secret. */
function tried({ id, secret }: Extract<Credentials, { kind: 'key' }>, reason: DeniedUse['reason']): string {
  return reason === 'unknown' ? id : secret;
}
