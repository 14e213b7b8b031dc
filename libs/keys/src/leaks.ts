import type { Decision } from '#libs/kernel';
import { belongs, missingKey } from './decisions.js';
import type { KeyFact, KeyLeakReported, KeyState } from './key.js';

/** Reports of one leak come in bursts, one for each copy; a report that proves no more than one of this hour adds nothing. */
const BURST_MS = 3_600_000;

/** Records that a key was found where it should not be, whatever the key's state: it may be in use elsewhere. */
export function reportLeak(data: KeyLeakReported['data']): Decision<KeyState, KeyFact> {
  return (state) => {
    if (!belongs(state, data.registry)) throw missingKey();
    const { leak } = state;
    const isFresh = leak !== null && Date.parse(data.at) - Date.parse(leak.at) < BURST_MS;
    return isFresh && (leak.proven || !data.proven) ? [] : [{ type: 'KeyLeakReported', data }];
  };
}
