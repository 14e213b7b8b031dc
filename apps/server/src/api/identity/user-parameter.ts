import type { PipeTransform } from '@nestjs/common';
import { missingUser, USER_ID } from '#libs/identity';

/** What has not the form of a user's id names nobody: the log is not asked. */
export class UserParameter implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!USER_ID.test(id)) throw missingUser();
    return id;
  }
}
