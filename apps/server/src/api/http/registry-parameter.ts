import { Injectable, type PipeTransform } from '@nestjs/common';
import { Refusal } from '#libs/kernel';
import { findRegistry, ReadModels, type RegistryRow } from '#libs/read-models';

/** Turns `:registry` (slug or id) into the registry. One that the caller may not see answers like a missing one. */
@Injectable()
export class RegistryParameter implements PipeTransform<string, RegistryRow> {
  constructor(private readonly readModels: ReadModels) {}

  transform(slugOrId: string): RegistryRow {
    const registry = findRegistry(this.readModels.database, slugOrId);
    if (!registry) throw new Refusal('not-found', 'there is no such registry');
    return registry;
  }
}
