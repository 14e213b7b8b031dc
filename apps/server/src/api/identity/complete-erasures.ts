import { isDeletedStream, type EventLog } from '#libs/event-store';
import type { IdentityModel } from '#libs/identity';
import { streamName } from '#libs/kernel';
import { subjects, type SubjectKeys } from '#libs/personal-data';

/**
 * Destroys the keys of erased users that are still there: a call died between the two steps, or a backup brought them back.
 * Returns how many there were.
 */
export async function completeErasures(
  model: IdentityModel,
  subjectKeys: SubjectKeys,
  log: EventLog,
): Promise<number> {
  let completed = 0;
  for (const user of model.erasedUsers()) {
    if (!(await hasKey(log, user))) continue;
    await subjectKeys.erase(user);
    completed++;
  }
  return completed;
}

async function hasKey(log: EventLog, user: string): Promise<boolean> {
  try {
    return (await log.readStream(streamName(subjects.category, user))).length > 0;
  } catch (error) {
    if (isDeletedStream(error)) return false;
    throw error;
  }
}
