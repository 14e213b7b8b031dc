import { Refusal, type Decision, type Fact, type StreamKind } from '#libs/kernel';

export type AdministratorGranted = Fact<
  'AdministratorGranted',
  { readonly at: string; readonly user: string }
>;
export type AdministratorWithdrawn = Fact<
  'AdministratorWithdrawn',
  { readonly at: string; readonly user: string }
>;
export type AdministratorFact = AdministratorGranted | AdministratorWithdrawn;

/** Ids of the users who administer the installation. */
export type Administrators = ReadonlySet<string>;

/** The one stream of this kind: `administrators-installation`. One stream, so that the last one cannot be lost in a race. */
export const ADMINISTRATORS_ID = 'installation';
export const administrators: StreamKind<Administrators, AdministratorFact> = {
  category: 'administrators',
  initial: new Set(),
  critical: new Set(['AdministratorWithdrawn']),
  evolve(state, { type, data }) {
    const changed = new Set(state);
    if (type === 'AdministratorGranted') changed.add(data.user);
    else changed.delete(data.user);
    return changed;
  },
};

export function grantAdministrator(user: string, at: string): Decision<Administrators, AdministratorFact> {
  return (state) => (state.has(user) ? [] : [{ type: 'AdministratorGranted', data: { at, user } }]);
}

/** The last one stays: without it nobody could name another. */
export function withdrawAdministrator(user: string, at: string): Decision<Administrators, AdministratorFact> {
  return (state) => {
    if (!state.has(user)) return [];
    if (state.size === 1) throw new Refusal('last-administrator', 'the last administrator cannot be removed');
    return [{ type: 'AdministratorWithdrawn', data: { at, user } }];
  };
}

/** The last one too: whoever is erased administers nothing. Without any, the next start names one by its settings. */
export function withdrawErased(user: string, at: string): Decision<Administrators, AdministratorFact> {
  return (state) => (state.has(user) ? [{ type: 'AdministratorWithdrawn', data: { at, user } }] : []);
}
