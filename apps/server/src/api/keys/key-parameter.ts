import type { PipeTransform } from '@nestjs/common';
import { isKeyId } from '#libs/kernel';
import { missingKey } from '#libs/keys';

/** `:key` has the form of a key's id; anything else is no key, and never becomes part of a stream's name. */
export class KeyParameter implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!isKeyId(id)) throw missingKey();
    return id;
  }
}
