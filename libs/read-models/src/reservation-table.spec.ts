import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RecordedFact } from '#libs/kernel';
import { Database } from '#libs/sqlite';
import { reservationTable, unfinishedReservations } from './reservation-table.js';

const minute = (number: number) => new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString();
const LATER = minute(59);
let database: Database;
beforeEach(() => {
  database = new Database(':memory:');
  database.exec(reservationTable.schema + reservationTable.indexes);
});

function happens(stream: string, type: string, data: object, at = minute(0)): void {
  const [category, id] = stream.split(/-(.*)/s) as [string, string];
  reservationTable.apply(database, { type, data: { at, ...data }, category, id } as unknown as RecordedFact);
}
const unused = (before = LATER) =>
  unfinishedReservations(database, before, 10).map(({ kind, name, holder }) => `${kind} ${name} ${holder}`);

describe('the table of reservations', () => {
  it('has a name as unused from its reservation on until its holder uses it', () => {
    happens('slug-myapp', 'Reserved', { by: 'reg_a' }, minute(1));
    expect([unused(minute(1)), unused(minute(2))]).toEqual([[], ['slug myapp reg_a']]);
    happens('registry-reg_a', 'RegistryCreated', { slug: 'myapp' });
    expect(unused()).toEqual([]);
  });
  it('has a removed host as unused until it is released', () => {
    happens('host-a.example', 'Reserved', { by: 'reg_a' });
    happens('registry-reg_a', 'HostAdded', { host: 'a.example' });
    happens('registry-reg_a', 'HostRemoved', { host: 'a.example' }, minute(5));
    expect([unused(minute(5)), unused(minute(6))]).toEqual([[], ['host a.example reg_a']]);
    happens('host-a.example', 'Released', {});
    expect(unused()).toEqual([]);
    expect(database.all('SELECT * FROM reservations')).toEqual([]);
  });
  it('has a host that was freed and taken again by whoever uses it as used', () => {
    happens('host-a.example', 'Reserved', { by: 'reg_a' });
    happens('registry-reg_a', 'HostAdded', { host: 'a.example' });
    happens('host-a.example', 'Released', {});
    happens('host-a.example', 'Reserved', { by: 'reg_a' });
    expect(unused()).toEqual([]);
  });
  it('has a name as unused that another holds than the one who uses it', () => {
    happens('host-a.example', 'Reserved', { by: 'reg_b' });
    happens('registry-reg_a', 'HostAdded', { host: 'a.example' });
    expect(unused()).toEqual(['host a.example reg_b']);
  });
  it('has the address of an erased user as unused, and no address of another', () => {
    for (const user of ['usr_a', 'usr_b']) {
      happens(`email-index-${user}`, 'Reserved', { by: user });
      happens(`user-${user}`, 'UserRegistered', { emailIndex: `index-${user}` });
    }
    happens('user-usr_a', 'UserErased', {});
    expect(unused()).toEqual(['email index-usr_a usr_a']);
  });
  it('has the subject of an issuer as unused until its user is linked, and again after the erasure', () => {
    happens('identity-index', 'Reserved', { by: 'usr_a' });
    expect(unused()).toEqual(['identity index usr_a']);
    happens('user-usr_a', 'UserIdentityLinked', { issuer: 'https://id.example', subjectIndex: 'index' });
    expect(unused()).toEqual([]);
    happens('user-usr_a', 'UserErased', {});
    expect(unused()).toEqual(['identity index usr_a']);
  });
  it('has a name as unfinished that is used and held by nobody', () => {
    happens('slug-myapp', 'Reserved', { by: 'reg_a' });
    happens('slug-myapp', 'Released', {});
    happens('registry-reg_a', 'RegistryCreated', { slug: 'myapp' }, minute(5));
    expect(unfinishedReservations(database, minute(5), 10)).toEqual([]);
    expect(unfinishedReservations(database, minute(6), 10)).toEqual([
      { kind: 'slug', name: 'myapp', holder: null, usedBy: 'reg_a' },
    ]);
  });
  it('passes over what it does not know', () => {
    happens('slug-myapp', 'Painted', {});
    happens('user-usr_a', 'UserSignedIn', {});
    expect(database.all('SELECT * FROM reservations')).toEqual([]);
  });
});
