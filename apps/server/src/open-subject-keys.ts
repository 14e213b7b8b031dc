import { SubjectKeys } from '#libs/personal-data';
import { now } from '#libs/platform';
import { openMasterKey } from './api/identity/open-master-key.js';
import type { Core } from './start-core.js';

/** The keys of personal data for a process that may never need them: opened at the first use, and asked for again after a failure. */
export function subjectKeysAtFirstUse({ settings, eventLog, log }: Core): () => Promise<SubjectKeys> {
  let opened: Promise<SubjectKeys> | undefined;
  return () => {
    opened ??= openMasterKey(settings, eventLog, log).then((key) => new SubjectKeys(eventLog, key, now));
    opened.catch(() => (opened = undefined));
    return opened;
  };
}
