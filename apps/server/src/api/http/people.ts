import { Injectable } from '@nestjs/common';
import { IdentityModel } from '#libs/identity';
import { SubjectKeys } from '#libs/personal-data';

/** What people call a user: for those who may see that (see the routes that ask). */
@Injectable()
export class People {
  constructor(
    private readonly model: IdentityModel,
    private readonly subjectKeys: SubjectKeys,
  ) {}

  /** `id`: `usr_…`. undefined for a user who is erased or never was; one who is disabled keeps the name. */
  async find(id: string): Promise<{ name: string; email: string } | undefined> {
    const state = this.model.user(id);
    if (!state || state.status === 'erased') return undefined;
    const sealed = [state.registered.name, state.registered.email];
    const [name, email] = await Promise.all(sealed.map((text) => this.subjectKeys.open(text)));
    return name === undefined || email === undefined ? undefined : { name, email };
  }
}
