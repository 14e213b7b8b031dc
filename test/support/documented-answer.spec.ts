import { describe, expect, it } from '@jest/globals';
import { operationOf } from './api-document.js';
import { faultsOfAnswer } from './documented-answer.js';

const MEMBERS = { method: 'GET', path: '/v1/registries/myapp/members?limit=1' };
const KEY = { method: 'DELETE', path: '/v1/registries/myapp/keys/drk_0000000000000000' };
const REQUEST_ID = 'req_0000000000000000';
const MEMBER = {
  userId: 'usr_0000000000000000',
  role: 'owner',
  addedAt: '2026-01-01T00:00:00.000Z',
  name: null,
  email: null,
};

const headers = (type: string, more: object) => ({
  'content-type': type,
  'cache-control': 'no-store',
  'dockreg-request-id': REQUEST_ID,
  ...more,
});
const members = (member: object, more: object = {}) => ({
  status: 200,
  headers: headers('application/json; charset=utf-8', more),
  text: JSON.stringify({ items: [member], next: null }),
});
const problem = (status: number, code: string, changes: object = {}) => {
  const body = { type: `/problems/${code}`, title: 'x', status, detail: 'x', code, requestId: REQUEST_ID };
  return {
    status,
    headers: headers('application/problem+json', {}),
    text: JSON.stringify({ ...body, ...changes }),
  };
};

describe('an answer', () => {
  it('that is what the document says has no fault', () => {
    expect(faultsOfAnswer(MEMBERS, members(MEMBER))).toEqual([]);
    expect(faultsOfAnswer(MEMBERS, problem(404, 'not-found'))).toEqual([]);
  });

  it.each([
    [
      'with a field that is not documented',
      members({ ...MEMBER, phone: 'a' }),
      /additional properties: phone/,
    ],
    ['without a field', members({ ...MEMBER, addedAt: undefined }), /required property 'addedAt'/],
    [
      'with a word that is not in the list',
      members({ ...MEMBER, role: 'king' }),
      /role must be equal to one/,
    ],
    [
      'with a time without milliseconds',
      members({ ...MEMBER, addedAt: '2026-01-01T00:00:00Z' }),
      /addedAt .*format/,
    ],
    [
      'with a header that is not documented',
      members(MEMBER, { 'dockreg-secret': 'x' }),
      /dockreg-secret is not/,
    ],
    ['that may be cached', members(MEMBER, { 'cache-control': 'public' }), /no-store/],
    ['of another type', members(MEMBER, { 'content-type': 'text/html' }), /text\/html is not documented/],
    ['with a status that is not documented', { ...members(MEMBER), status: 202 }, /status is not documented/],
    ['that is a problem of other routes', problem(409, 'slug-taken'), /409: this status is not documented/],
    ['that is a problem with a code of another status', problem(400, 'not-found'), /not-found is not among/],
    ['that is a problem with a code that nobody knows', problem(400, 'oops'), /code must be equal to one/],
    ['that is a problem of another request', problem(404, 'not-found', { requestId: 'req_1' }), /requestId/],
  ])('%s has a fault', (_, answer, fault) => {
    expect(faultsOfAnswer(MEMBERS, answer).join('\n')).toMatch(fault);
  });

  it('of a write without its position has a fault', () => {
    const { text, ...rest } = problem(200, 'not-found');
    expect(faultsOfAnswer(KEY, { ...rest, text }).join('\n')).toMatch(/Dockreg-Position is missing/);
  });

  it('of an address that no operation has is a problem that says so', () => {
    const nowhere = { method: 'GET', path: '/v1/nowhere' };
    expect(faultsOfAnswer(nowhere, problem(404, 'not-found'))).toEqual([]);
    expect(faultsOfAnswer(nowhere, members(MEMBER)).join()).toMatch(/not a problem document/);
    expect(faultsOfAnswer(nowhere, problem(403, 'not-permitted')).join()).toMatch(/not documented/);
  });
});

describe('a path', () => {
  it('belongs to the operation that names it before one that takes any segment there', () => {
    expect(operationOf('POST', '/v1/registries/a/keys/revoke')?.id).toBe('revokeKeys');
    expect(operationOf('POST', '/v1/registries/a/keys/x/revoke?y=/z')?.id).toBe('revokeKey');
    expect(operationOf('POST', '/v1/registries//keys')).toBeUndefined();
  });
});
